//! Bundles that change under the reader.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;

use super::*;
use crate::clock::Timestamp;

const USER: &str = "accounts/555566667777-production/users/alice.yaml";
const POLICY: &str = "accounts/555566667777-production/policies/p.json";

/// A bundle as text files; `team` tells versions apart.
fn bundle(team: &str) -> Vec<(&'static str, String)> {
    vec![
        (
            "accounts/555566667777-production/account.yaml",
            "id: \"555566667777\"\nname: production\n".to_owned(),
        ),
        (USER, format!("tags: {{ team: {team} }}\nmanaged_policies: [p]\n")),
        (
            POLICY,
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"x:*","Resource":"*"}]}"#.to_owned(),
        ),
    ]
}

fn write(folder: &Path, team: &str) {
    for (path, text) in bundle(team) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// The same in the one file of a ConfigMap.
fn config_map(team: &str) -> String {
    let files: serde_json::Map<String, serde_json::Value> = bundle(team)
        .into_iter()
        .map(|(path, text)| (path.to_owned(), text.into()))
        .collect();
    serde_json::json!({ "files": files }).to_string()
}

fn open(path: &Path) -> Watcher {
    Watcher::open(Settings {
        path: path.to_owned(),
        options: Options::default(),
        clock: Clock::fixed(Timestamp::from_seconds(1)),
    })
    .unwrap()
}

fn team(store: &Store) -> String {
    let account = crate::arn::AccountId::parse("555566667777").unwrap();
    let snapshot = store.load_full();
    snapshot
        .directory
        .user_named(account, "alice")
        .unwrap()
        .tags[0]
        .1
        .to_string()
}

/// Waits until it is so, and tells how long it took.
fn until(what: &str, is_so: impl Fn() -> bool) -> Duration {
    let began = monotonic();
    while !is_so() {
        assert!(since(began) < Duration::from_secs(20), "{what}");
        thread::sleep(Duration::from_millis(5));
    }
    since(began)
}

/// The thread has set up its watch when it has answered.
fn started(watcher: Watcher) -> Reloader {
    let reloader = watcher.start(|_| {}).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    assert!(runtime.block_on(reloader.reload()).is_some());
    reloader
}

#[test]
fn a_changed_file_counts_within_a_second() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "red");
    let watcher = open(folder.path());
    let store = Arc::clone(watcher.store());
    let _reloader = started(watcher);
    let mut longest = Duration::ZERO;
    for name in ["green", "blue", "red"] {
        // In place, as an editor or `cp` does.
        fs::write(
            folder.path().join(USER),
            format!("tags: {{ team: {name} }}\n"),
        )
        .unwrap();
        longest = longest.max(until(name, || team(&store) == name));
        // By rename, as an editor that is careful does.
        let aside = folder.path().join(".new");
        fs::write(&aside, format!("tags: {{ team: {name}-2 }}\n")).unwrap();
        fs::rename(&aside, folder.path().join(USER)).unwrap();
        longest = longest.max(until(name, || team(&store) == format!("{name}-2")));
    }
    assert!(longest < Duration::from_secs(5), "{longest:?}");
    assert_eq!(store.status().failed, 0);
}

#[test]
fn a_new_folder_inside_is_watched_too() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "red");
    let watcher = open(folder.path());
    let store = Arc::clone(watcher.store());
    let _reloader = started(watcher);
    let groups = folder
        .path()
        .join("accounts/555566667777-production/groups");
    fs::create_dir(&groups).unwrap();
    thread::sleep(Duration::from_millis(400));
    fs::write(groups.join("a.yaml"), "path: /\n").unwrap();
    until("a group", || store.load().directory.groups().count() == 1);
}

#[test]
fn a_config_map_is_swapped() {
    let mount = tempfile::tempdir().unwrap();
    // What kubelet does: a new folder, a link to it under another name, renamed over `..data`; then the old is removed.
    let swap = |number: u32, team: &str| {
        let data = format!("..2026_11_23.{number}");
        fs::create_dir(mount.path().join(&data)).unwrap();
        fs::write(
            mount.path().join(&data).join("bundle.yaml"),
            config_map(team),
        )
        .unwrap();
        let former = fs::read_link(mount.path().join("..data")).ok();
        symlink(&data, mount.path().join("..data_tmp")).unwrap();
        fs::rename(mount.path().join("..data_tmp"), mount.path().join("..data")).unwrap();
        if let Some(former) = former {
            fs::remove_dir_all(mount.path().join(former)).unwrap();
        }
    };
    swap(0, "t0");
    symlink("..data/bundle.yaml", mount.path().join("bundle.yaml")).unwrap();
    let watcher = open(mount.path());
    let store = Arc::clone(watcher.store());
    let _reloader = started(watcher);
    for number in 1..=20 {
        let name = format!("t{number}");
        swap(number, &name);
        let took = until(&name, || team(&store) == name);
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
    assert_eq!(store.status().failed, 0);
}

#[test]
fn a_link_to_the_folder_is_swapped() {
    let root = tempfile::tempdir().unwrap();
    for name in ["one", "two"] {
        write(&root.path().join(name), name);
    }
    let link = root.path().join("policies");
    symlink("one", &link).unwrap();
    let watcher = open(&link);
    let store = Arc::clone(watcher.store());
    let _reloader = started(watcher);
    for name in ["two", "one", "two"] {
        symlink(name, root.path().join("tmp")).unwrap();
        fs::rename(root.path().join("tmp"), &link).unwrap();
        until(name, || team(&store) == name);
    }
    // And the folder behind the new link is the one that is watched.
    fs::write(
        root.path().join("two").join(USER),
        "tags: { team: three }\n",
    )
    .unwrap();
    until("three", || team(&store) == "three");
}

#[test]
fn a_folder_that_goes_and_comes_back() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("policies");
    write(&folder, "red");
    let watcher = open(&folder);
    let store = Arc::clone(watcher.store());
    let _reloader = started(watcher);
    fs::remove_dir_all(&folder).unwrap();
    until("a failure", || store.status().failure.is_some());
    assert_eq!(team(&store), "red");
    write(&folder, "green");
    until("green", || team(&store) == "green");
    assert!(store.status().failure.is_none());
    fs::write(folder.join(USER), "tags: { team: blue }\n").unwrap();
    until("blue", || team(&store) == "blue");
}

/// The same place, as somebody writes it who stands in the current folder.
fn relative(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap().canonicalize().unwrap();
    let up = here.components().skip(1).map(|_| "..");
    up.collect::<PathBuf>()
        .join(path.strip_prefix("/").unwrap())
}

/// Edits a bundle in every manner, through a path of its own kind, and awaits each.
fn edit_in_every_manner(link: &str, is_relative: bool) {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let (real, other) = (root.join("real"), root.join("other"));
    write(&real.join("b"), "first");
    let (path, target) = match link {
        "link" => (root.join("live"), "real/b"),
        "parent" => (root.join("live/b"), "real"),
        _ => (real.join("b"), ""),
    };
    let point = |target: &str| {
        symlink(target, root.join("tmp")).unwrap();
        fs::rename(root.join("tmp"), root.join("live")).unwrap();
    };
    if !target.is_empty() {
        point(target);
    }
    let path = if is_relative { relative(&path) } else { path };
    let watcher = open(&path);
    let store = Arc::clone(watcher.store());
    let _reloader = started(watcher);
    let counts = |name: &str| {
        let what = format!("{name} by {}", path.display());
        let took = until(&what, || team(&store) == name);
        assert!(took < Duration::from_secs(5), "{what}: {took:?}");
    };
    let in_place = |name: &str| {
        fs::write(path.join(USER), format!("tags: {{ team: {name} }}\n")).unwrap();
        counts(name);
    };
    in_place("in-place");

    let aside = root.join("aside.yaml");
    fs::write(&aside, "tags: { team: renamed }\n").unwrap();
    fs::rename(&aside, path.join(USER)).unwrap();
    counts("renamed");

    write(&other.join("b"), "retargeted");
    if target.is_empty() {
        fs::rename(&real, root.join("former")).unwrap();
        fs::rename(&other, &real).unwrap();
    } else {
        point(&target.replace("real", "other"));
    }
    counts("retargeted");
    in_place("after-that");

    // What comes at once may be the same inode again.
    let target = path.canonicalize().unwrap();
    fs::remove_dir_all(&target).unwrap();
    write(&target, "back");
    counts("back");
    in_place("after-return");

    fs::rename(&target, root.join("away")).unwrap();
    fs::rename(root.join("away"), &target).unwrap();
    in_place("moved-and-back");
    in_place("and-once-more");

    fs::remove_dir_all(&target).unwrap();
    until("a failure", || store.status().failure.is_some());
    write(&target, "late");
    counts("late");
    in_place("after-late");
}

#[test]
fn every_edit_counts_however_the_path_is_written() {
    thread::scope(|scope| {
        for link in ["none", "link", "parent"] {
            for is_relative in [false, true] {
                scope.spawn(move || edit_in_every_manner(link, is_relative));
            }
        }
    });
}

#[test]
fn a_broken_bundle_changes_nothing_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "red");
    let mut watcher = open(folder.path());
    let store = Arc::clone(watcher.store());
    let good = store.status();
    let policy = folder.path().join(POLICY);
    let text = fs::read(&policy).unwrap();
    let mut breakages: Vec<(String, Vec<u8>)> = (0..text.len())
        .map(|length| (format!("cut to {length}"), text[..length].to_vec()))
        .collect();
    breakages.push(("no UTF-8".to_owned(), vec![0xff; 10]));
    breakages.push(("blanks".to_owned(), vec![b' '; 10]));
    breakages.push(("nothing but null".to_owned(), b"null".to_vec()));
    for (failed, (what, bytes)) in (1..).zip(&breakages) {
        fs::write(&policy, bytes).unwrap();
        watcher.look(false, &|_| {});
        let status = store.status();
        assert_eq!(
            (&status.digest, status.failed),
            (&good.digest, failed),
            "{what}"
        );
        let failure = status.failure.unwrap();
        assert!(
            failure.lines[0].starts_with(POLICY),
            "{what}: {}",
            failure.lines[0]
        );
        // The same breakage is not told twice.
        watcher.look(false, &|_| {});
        assert_eq!(store.status().failed, failed);
    }
    fs::File::create(&policy)
        .unwrap()
        .set_len(100 * 1024 * 1024)
        .unwrap();
    watcher.look(false, &|_| {});
    assert!(store.status().failure.unwrap().lines[0].contains("larger than"));
    fs::remove_file(&policy).unwrap();
    fs::create_dir(&policy).unwrap();
    watcher.look(false, &|_| {});
    assert!(store.status().failure.unwrap().lines[0].contains("folder"));
    fs::remove_dir(&policy).unwrap();
    // Every user file is one that must say something: an empty one is no empty user.
    fs::write(&policy, &text).unwrap();
    fs::write(folder.path().join(USER), "").unwrap();
    watcher.look(false, &|_| {});
    assert!(store.status().failure.is_some());
    assert_eq!(team(&store), "red");

    write(folder.path(), "red");
    watcher.look(false, &|_| {});
    let mended = store.status();
    assert_eq!((mended.digest, mended.failure), (good.digest, None));
}

#[test]
fn a_file_written_in_parts_counts_when_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "red");
    let watcher = open(folder.path());
    let store = Arc::clone(watcher.store());
    let reloader = started(watcher);
    let text =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"x:*","Resource":"*"}]}"#;
    let digest = store.status().digest;
    let mut file = fs::File::create(folder.path().join(POLICY)).unwrap();
    for part in text.as_bytes().chunks(40) {
        assert_eq!(store.status().digest, digest);
        file.write_all(part).unwrap();
        file.flush().unwrap();
        thread::sleep(Duration::from_millis(300));
    }
    drop(file);
    until("the whole", || store.status().digest != digest);
    drop(reloader);
}

#[test]
fn a_reload_on_demand_says_how_it_went() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "red");
    let watcher = open(folder.path());
    let store = Arc::clone(watcher.store());
    let mut changes = store.subscribe();
    let reloader = watcher.start(|_| {}).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let status = runtime.block_on(reloader.reload()).unwrap();
    assert_eq!((status.failed, status.failure), (0, None));
    fs::write(folder.path().join(POLICY), "{").unwrap();
    let status = runtime.block_on(reloader.reload()).unwrap();
    assert!(status.failed >= 1 && status.failure.is_some());
    assert!(changes.has_changed().unwrap());
    assert!(changes.borrow_and_update().failure.is_some());
    fs::write(folder.path().join(POLICY), bundle("x")[2].1.as_bytes()).unwrap();
    reloader.request();
    until("mended", || store.status().failure.is_none());
}

#[test]
fn requests_in_a_row_are_one_or_two_loads() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "red");
    let watcher = open(folder.path());
    let store = Arc::clone(watcher.store());
    let before = store.status().succeeded;
    let reloader = started(watcher);
    for _ in 0..50 {
        reloader.request();
        thread::sleep(Duration::from_millis(2));
    }
    until("a load", || store.status().succeeded > before);
    thread::sleep(PATIENCE + REST + REST);
    let loads = store.status().succeeded - before;
    assert!((1..=2).contains(&loads), "{loads} loads");
}

#[test]
fn a_broken_bundle_is_no_start() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "red");
    fs::write(folder.path().join(USER), "tgs: {}\n").unwrap();
    let refused = Watcher::open(Settings {
        path: folder.path().to_owned(),
        options: Options::default(),
        clock: Clock::machine(),
    })
    .unwrap_err();
    assert_eq!(refused.faults.len(), 1);
    assert!(refused.to_string().contains("1 | tgs: {}"), "{refused}");
}
