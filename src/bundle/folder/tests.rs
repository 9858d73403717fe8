//! Bundles as they lie on a disk.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn ids(files: &Files) -> Vec<(&'static str, String)> {
    let mut ids: Vec<_> = files
        .faults()
        .iter()
        .map(|fault| (fault.id, fault.file.to_string()))
        .collect();
    ids.sort();
    ids
}

fn paths(files: &Files) -> Vec<&str> {
    files.iter().map(|(path, _)| &**path).collect()
}

/// A gzipped tar archive of files.
fn packed(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, content) in members {
        let mut header = ::tar::Header::new_gnu();
        // Written raw: `set_path` would refuse what is to be refused here.
        header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

#[test]
fn a_folder_is_its_files_less_those_with_dots() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("accounts/1-a/users")).unwrap();
    fs::create_dir_all(folder.path().join(".git")).unwrap();
    fs::write(folder.path().join(".git/config.yaml"), "x").unwrap();
    fs::write(folder.path().join("organization.yaml"), "partition: aws\n").unwrap();
    fs::write(folder.path().join("accounts/1-a/users/b.yaml"), "path: /\n").unwrap();
    for backup in [".b.yaml.swp", "b.yaml~", "#b.yaml#"] {
        let path = folder.path().join("accounts/1-a/users").join(backup);
        fs::write(path, "x").unwrap();
    }
    let files = Files::read(folder.path());
    assert_eq!(ids(&files), []);
    assert_eq!(
        paths(&files),
        ["accounts/1-a/users/b.yaml", "organization.yaml"]
    );
}

#[test]
fn a_link_that_leads_astray_is_told_how() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::NamedTempFile::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("accounts")).unwrap();
    symlink("b.json", at("a.json")).unwrap();
    symlink("a.json", at("b.json")).unwrap();
    symlink("..", at("accounts/x")).unwrap();
    symlink(outside.path(), at("out.json")).unwrap();
    symlink("nowhere", at("gone.json")).unwrap();
    fs::write(at("real.json"), "{}").unwrap();
    symlink("real.json", at("fine.json")).unwrap();
    let files = Files::read(folder.path());
    let told: Vec<String> = (files.faults().iter())
        .map(|fault| format!("{}: {}", fault.place(), fault.message))
        .collect();
    assert_eq!(
        told,
        [
            "a.json: this link leads in a circle, back to itself",
            "accounts/x: this link leads back to a folder that it stands in: whoever follows it never ends",
            "b.json: this link leads in a circle, back to itself",
            "gone.json: this link leads nowhere: what it names is not there",
            "out.json: this link leads out of the bundle",
        ]
    );
    assert!(files.faults().iter().all(|fault| fault.id == "bad-link"));
    let itself = at("itself");
    symlink("itself", &itself).unwrap();
    let files = Files::read(&itself);
    assert_eq!(files.faults()[0].id, "bad-link");
    let drawn = files.render(&files.faults()[0]);
    assert!(drawn.contains("leads in a circle"), "{drawn}");
}

#[test]
fn what_cannot_be_read_is_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::NamedTempFile::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("organization.yaml")).unwrap();
    fs::write(at("latin1.yaml"), b"a: \xe9").unwrap();
    symlink(outside.path(), at("link.yaml")).unwrap();
    symlink("nowhere", at("dangling.yaml")).unwrap();
    symlink(".", at("loop")).unwrap();
    fs::File::create(at("huge.json"))
        .unwrap()
        .set_len(100 * 1024 * 1024)
        .unwrap();
    fs::write(at("secret.yaml"), "a: 1").unwrap();
    fs::set_permissions(at("secret.yaml"), fs::Permissions::from_mode(0o000)).unwrap();
    let files = Files::read(folder.path());
    let found = ids(&files);
    for (id, file) in [
        ("bad-link", "dangling.yaml"),
        ("bad-link", "link.yaml"),
        ("not-a-file", "organization.yaml"),
        ("not-utf8", "latin1.yaml"),
        ("too-large", "huge.json"),
    ] {
        assert!(
            found.contains(&(id, file.to_owned())),
            "{id} {file} in {found:?}"
        );
    }
    // A folder that holds itself is not entered.
    assert!(
        found.contains(&("bad-link", "loop".to_owned())),
        "{found:?}"
    );
    // Root reads everything, whatever the mode says.
    let readable = fs::read(at("secret.yaml")).is_ok();
    assert_ne!(
        readable,
        found.contains(&("unreadable", "secret.yaml".to_owned()))
    );
    assert_eq!(
        ids(&Files::read(&at("missing"))),
        [("unreadable", "missing".to_owned())]
    );
    assert_eq!(
        ids(&Files::read(&at("latin1.yaml"))),
        [("no-bundle", "latin1.yaml".to_owned())]
    );
}

#[test]
fn a_folder_and_its_archives_are_the_same_bundle() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("scps")).unwrap();
    fs::write(folder.path().join("organization.yaml"), "partition: aws\n").unwrap();
    fs::write(folder.path().join("scps/a.json"), "{}").unwrap();
    let plain = Files::read(folder.path());

    let one = tempfile::tempdir().unwrap();
    let text = "files:\n  organization.yaml: |\n    partition: aws\n  scps/a.json: \"{}\"\n";
    fs::write(one.path().join("bundle.yaml"), text).unwrap();
    let yaml = Files::read(one.path());
    assert_eq!(ids(&yaml), []);
    assert_eq!(yaml.digest(), plain.digest());
    assert_eq!(
        Files::read(&one.path().join("bundle.yaml")).digest(),
        plain.digest()
    );

    let archive = packed(&[
        ("./organization.yaml", b"partition: aws\n"),
        ("./scps/a.json", b"{}"),
        ("./.hidden", b"x"),
        ("scps/a.json~", b"x"),
        ("scps/#a.json#", b"x"),
    ]);
    let path = one.path().join("b.tar.gz");
    fs::write(&path, &archive).unwrap();
    let tar = Files::read(&path);
    assert_eq!(ids(&tar), []);
    assert_eq!(tar.digest(), plain.digest());

    let mounted = tempfile::tempdir().unwrap();
    fs::write(mounted.path().join("bundle.tar.gz"), &archive).unwrap();
    assert_eq!(Files::read(mounted.path()).digest(), plain.digest());
    fs::write(mounted.path().join("stray.yaml"), "x").unwrap();
    assert_eq!(
        ids(&Files::read(mounted.path())),
        [("unknown-file", "stray.yaml".to_owned())]
    );
    fs::write(mounted.path().join("bundle.yaml"), text).unwrap();
    assert_eq!(
        ids(&Files::read(mounted.path())),
        [("two-bundles", "bundle.yaml".to_owned())]
    );
}

#[test]
fn a_mounted_config_map() {
    let mount = tempfile::tempdir().unwrap();
    let data = mount.path().join("..2026_11_23_09_00_00.1");
    fs::create_dir(&data).unwrap();
    fs::write(
        data.join("bundle.yaml"),
        "files: { organization.yaml: \"partition: aws\\n\" }\n",
    )
    .unwrap();
    symlink("..2026_11_23_09_00_00.1", mount.path().join("..data")).unwrap();
    symlink("..data/bundle.yaml", mount.path().join("bundle.yaml")).unwrap();
    let files = Files::read(mount.path());
    assert_eq!(ids(&files), []);
    assert_eq!(paths(&files), ["organization.yaml"]);
}

#[test]
fn an_archive_cannot_leave_the_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.tgz");
    let read = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        Files::read(&path)
    };
    let files = read(&packed(&[
        ("../x.yaml", b"x"),
        ("a/../../x.yaml", b"x"),
        ("/etc/x.yaml", b"x"),
        ("a.json", b"1"),
        ("a.json", b"2"),
    ]));
    let found = ids(&files);
    assert_eq!(
        found.iter().filter(|(id, _)| *id == "bad-path").count(),
        3,
        "{found:?}"
    );
    assert!(found.contains(&("duplicate-file", "a.json".to_owned())));

    for kind in [
        ::tar::EntryType::Symlink,
        ::tar::EntryType::Link,
        ::tar::EntryType::Fifo,
    ] {
        let mut builder = ::tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        let mut header = ::tar::Header::new_gnu();
        header.set_path("a.json").unwrap();
        header.set_entry_type(kind);
        header.set_link_name("/etc/passwd").unwrap();
        header.set_size(0);
        header.set_cksum();
        builder.append(&header, &b""[..]).unwrap();
        let bytes = builder.into_inner().unwrap().finish().unwrap();
        assert_eq!(
            ids(&read(&bytes)),
            [("bad-link", "a.json".to_owned())],
            "{kind:?}"
        );
    }
}

#[test]
fn an_archive_that_is_cut_short_or_a_bomb() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.tgz");
    let whole = packed(&[
        ("organization.yaml", b"partition: aws\n"),
        ("scps/a.json", &[b' '; 4000]),
    ]);
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let files = Files::read(&path);
        assert!(
            !files.faults().is_empty(),
            "cut to {length} of {}",
            whole.len()
        );
    }

    let zeros = vec![b' '; 15 * 1024 * 1024];
    let names: Vec<String> = (0..18)
        .map(|number| format!("scps/{number}.json"))
        .collect();
    let members: Vec<(&str, &[u8])> = names.iter().map(|name| (&**name, &zeros[..])).collect();
    fs::write(&path, packed(&members)).unwrap();
    let files = Files::read(&path);
    assert_eq!(ids(&files)[0].0, "bundle-too-large");
    assert!(files.len() <= 17);

    let mut file = fs::File::create(&path).unwrap();
    file.write_all(b"this is no gzip").unwrap();
    assert_eq!(ids(&Files::read(&path))[0].0, "bad-archive");
}

#[test]
fn a_fault_is_shown_where_an_editor_finds_it() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("g.tar.gz");
    fs::write(&broken, b"no archive").unwrap();
    let files = Files::read(&broken);
    let drawn: Vec<_> = files
        .faults()
        .iter()
        .map(|fault| files.render(fault))
        .collect();
    assert_eq!(drawn.len(), 1);
    assert!(
        drawn[0].contains(&format!("--> {}\n", broken.display())),
        "{}",
        drawn[0]
    );
    assert!(drawn[0].contains("-czf g.tar.gz"), "{}", drawn[0]);

    fs::write(folder.path().join("latin1.yaml"), b"a: 1\nb: \"\xe9\"\n").unwrap();
    let files = Files::read(folder.path());
    let fault = files
        .faults()
        .iter()
        .find(|fault| fault.id == "not-utf8")
        .unwrap();
    let drawn = files.render(fault);
    let place = folder.path().join("latin1.yaml:2:5");
    assert!(
        drawn.contains(&format!("--> {}\n", place.display())),
        "{drawn}"
    );
    assert!(drawn.contains("|     ^\n"), "{drawn}");
}

#[test]
fn an_empty_folder_has_no_lines() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::read(folder.path());
    let faults = crate::bundle::load(&files, &crate::bundle::Options::default()).unwrap_err();
    let drawn = files.render(&faults[0]);
    assert!(
        drawn.contains(&format!("--> {}\n", folder.path().display())),
        "{drawn}"
    );
    assert!(!faults[0].line().contains(":0"), "{}", faults[0].line());
}
