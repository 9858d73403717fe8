use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::*;

const LONG: Duration = Duration::from_secs(10);

fn settings(folder: &Path, on_full: OnFull) -> Settings {
    Settings {
        folder: folder.to_owned(),
        on_full,
        on_full_timeout: Duration::from_millis(300),
        ..Settings::default()
    }
}

fn start(folder: &Path, on_full: OnFull) -> Sink {
    Sink::start(&settings(folder, on_full), Clock::machine()).unwrap()
}

fn read(folder: &Path) -> String {
    fs::read_to_string(folder.join("audit.jsonl")).unwrap()
}

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let begin = monotonic();
    while !condition() {
        assert!(begin.elapsed() < LONG, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn records_of_many_threads_are_all_written_whole() {
    let home = tempfile::tempdir().unwrap();
    let mut settings = settings(home.path(), OnFull::Block);
    settings.rotate_size = 100_000;
    settings.keep = 0;
    let sink = Sink::start(&settings, Clock::machine()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let sink = &sink;
            scope.spawn(move || {
                for number in 0..5_000 {
                    let line = format!("{{\"thread\":{thread},\"number\":{number}}}");
                    sink.record(line.as_bytes()).unwrap();
                }
            });
        }
    });
    assert!(sink.flush(LONG));
    assert_eq!(sink.counts().written, 20_000);
    assert!(sink.close(LONG));
    let mut numbers = Vec::new();
    for entry in fs::read_dir(home.path()).unwrap() {
        for line in fs::read_to_string(entry.unwrap().path()).unwrap().lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            numbers.push((
                value["thread"].as_u64().unwrap(),
                value["number"].as_u64().unwrap(),
            ));
        }
    }
    numbers.sort_unstable();
    let all: Vec<_> = (0..4)
        .flat_map(|thread| (0..5_000).map(move |n| (thread, n)))
        .collect();
    assert_eq!(numbers, all);
}

#[test]
fn a_record_is_written_within_100_ms() {
    let home = tempfile::tempdir().unwrap();
    let sink = start(home.path(), OnFull::Block);
    std::thread::sleep(Duration::from_millis(50));
    sink.record(b"one").unwrap();
    let begin = monotonic();
    wait_for("written", || read(home.path()) == "one\n");
    assert!(begin.elapsed() < Duration::from_millis(100));
}

#[test]
fn a_closed_sink_takes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let sink = start(home.path(), OnFull::Deny);
    sink.record(b"one").unwrap();
    assert!(sink.close(LONG));
    assert_eq!(sink.record(b"two"), Err(Full));
    assert_eq!(read(home.path()), "one\n");
}

/// Puts a file where the folder was, which no permission gets around.
fn break_folder(folder: &Path) {
    fs::remove_dir_all(folder).unwrap();
    fs::write(folder, "in the way").unwrap();
}

#[tokio::test]
async fn a_place_that_cannot_be_written_blocks_then_refuses_then_heals() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("audit");
    let sink = start(&folder, OnFull::Block);
    break_folder(&folder);
    wait_for("the failure is noticed", || sink.is_failing());
    let begin = monotonic();
    assert_eq!(sink.record_or_wait(b"lost").await, Err(Full));
    assert!(begin.elapsed() >= Duration::from_millis(300));
    assert_eq!(sink.counts().refused, 1);

    fs::remove_file(&folder).unwrap();
    let begin = monotonic();
    while sink.record_or_wait(b"kept").await.is_err() {}
    assert!(begin.elapsed() < Duration::from_secs(1));
    assert!(sink.flush(LONG));
    assert_eq!(read(&folder), "kept\n");
    assert!(!sink.is_failing());
}

#[tokio::test]
async fn who_waits_is_woken_by_the_healing() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("audit");
    let mut settings = settings(&folder, OnFull::Block);
    settings.on_full_timeout = LONG;
    let sink = Sink::start(&settings, Clock::machine()).unwrap();
    break_folder(&folder);
    wait_for("the failure is noticed", || sink.is_failing());
    let (result, ()) = tokio::join!(sink.record_or_wait(b"kept"), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        fs::remove_file(&folder).unwrap();
    });
    result.unwrap();
    assert!(sink.flush(LONG));
    assert_eq!(read(&folder), "kept\n");
}

#[test]
fn deny_refuses_at_once() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("audit");
    let sink = start(&folder, OnFull::Deny);
    break_folder(&folder);
    wait_for("the failure is noticed", || sink.is_failing());
    assert_eq!(sink.record(b"refused"), Err(Full));
    assert_eq!(sink.counts().refused, 1);
}

#[test]
fn drop_keeps_what_the_queue_holds_and_counts_the_rest() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("audit");
    let mut settings = settings(&folder, OnFull::Drop);
    settings.queue_size = 1000;
    let sink = Sink::start(&settings, Clock::machine()).unwrap();
    break_folder(&folder);
    wait_for("the failure is noticed", || sink.is_failing());
    for _ in 0..20 {
        sink.record(&[b'x'; 99]).unwrap();
    }
    assert_eq!(sink.counts().dropped, 10);
    fs::remove_file(&folder).unwrap();
    assert!(sink.flush(LONG));
    assert_eq!(read(&folder).lines().count(), 10);
    assert_eq!(sink.counts().written, 10);
}

#[test]
fn a_record_larger_than_the_queue_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let mut settings = settings(home.path(), OnFull::Deny);
    settings.queue_size = 1000;
    let sink = Sink::start(&settings, Clock::machine()).unwrap();
    assert_eq!(sink.record(&[b'x'; 1000]), Err(Full));
    sink.record(&[b'x'; 999]).unwrap();
}

#[test]
fn closing_does_not_wait_for_ever_and_counts_what_is_lost() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("audit");
    let sink = start(&folder, OnFull::Drop);
    break_folder(&folder);
    wait_for("the failure is noticed", || sink.is_failing());
    sink.record(b"one").unwrap();
    let begin = monotonic();
    assert!(!sink.close(Duration::from_millis(100)));
    assert!(begin.elapsed() < Duration::from_secs(2));
    assert_eq!(sink.counts().dropped, 1);
}

#[test]
fn a_moved_file_loses_nothing() {
    let home = tempfile::tempdir().unwrap();
    let sink = start(home.path(), OnFull::Block);
    for round in 0..20 {
        for number in 0..100 {
            sink.record(format!("{round} {number}").as_bytes()).unwrap();
        }
        fs::rename(
            home.path().join("audit.jsonl"),
            home.path().join(format!("moved-{round}")),
        )
        .unwrap();
        sink.reopen();
        wait_for("the file is there again", || {
            home.path().join("audit.jsonl").exists()
        });
    }
    assert!(sink.close(LONG));
    let lines: usize = fs::read_dir(home.path())
        .unwrap()
        .map(|entry| {
            fs::read_to_string(entry.unwrap().path())
                .unwrap()
                .lines()
                .count()
        })
        .sum();
    assert_eq!(lines, 2000);
}

/// Not a test of its own: what [`a_killed_process_loses_at_most_the_last_moment`] kills.
#[test]
#[ignore = "run by another test, as a process of its own"]
fn child_that_records_until_it_is_killed() {
    let Some(folder) = std::env::var_os("AUDIT_TEST_FOLDER") else {
        return;
    };
    let sink = start(Path::new(&folder), OnFull::Block);
    for number in 0_u64.. {
        let line = format!("{{\"number\":{number},\"filler\":\"{}\"}}", "x".repeat(500));
        while sink.record(line.as_bytes()).is_err() {}
        std::thread::sleep(Duration::from_micros(200));
    }
}

#[test]
fn a_killed_process_loses_at_most_the_last_moment() {
    let home = tempfile::tempdir().unwrap();
    let name = "audit::sink::tests::child_that_records_until_it_is_killed";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--ignored"])
        .env("AUDIT_TEST_FOLDER", home.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let file = home.path().join("audit.jsonl");
    wait_for("the child writes", || {
        fs::metadata(&file).is_ok_and(|metadata| metadata.len() > 100_000)
    });
    child.kill().unwrap();
    child.wait().unwrap();

    let sink = start(home.path(), OnFull::Block);
    sink.record(b"{\"number\":-1}").unwrap();
    assert!(sink.close(LONG));
    let text = read(home.path());
    let mut broken = 0;
    for line in text.lines() {
        if serde_json::from_str::<serde_json::Value>(line).is_err() {
            broken += 1;
        }
    }
    assert!(
        broken <= 1,
        "only the last line of the killed process may be half"
    );
    assert!(text.ends_with("{\"number\":-1}\n"));
}

/// Run by `tests/drills/audit-disk-full`, which gives it a file system of 1 MiB.
#[test]
#[ignore = "needs a small file system: run tests/drills/audit-disk-full"]
fn drill_a_full_disk() {
    let home = std::env::var_os("AUDIT_DRILL_FOLDER").expect("run tests/drills/audit-disk-full");
    let home = Path::new(&home);
    for on_full in [OnFull::Block, OnFull::Deny, OnFull::Drop] {
        let folder = home.join("audit");
        let filler = home.join("filler");
        fs::write(&filler, vec![0; 300 * 1024]).unwrap();
        let mut settings = settings(&folder, on_full);
        settings.queue_size = 256 * 1024;
        let sink = Sink::start(&settings, Clock::machine()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let line =
            |number: u32| format!("{{\"number\":{number},\"filler\":\"{}\"}}", "x".repeat(977));
        let (mut taken, mut number) = (0_u64, 0);
        let mut send = || {
            number += 1;
            let well = runtime
                .block_on(sink.record_or_wait(line(number).as_bytes()))
                .is_ok();
            taken += u64::from(well);
            well
        };
        for _ in 0..3000 {
            if !send() {
                break;
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        wait_for("the disk is full", || sink.is_failing());
        let whole = |text: &str| {
            text.ends_with('\n')
                && text
                    .lines()
                    .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
        };
        assert!(whole(&read(&folder)), "{on_full:?}: a torn line");
        match on_full {
            OnFull::Block | OnFull::Deny => assert!(!send(), "{on_full:?}"),
            OnFull::Drop => assert!(sink.counts().dropped > 0 && send(), "{on_full:?}"),
        }

        fs::remove_file(&filler).unwrap();
        let begin = monotonic();
        wait_for("it heals", || !sink.is_failing());
        assert!(send());
        assert!(begin.elapsed() < Duration::from_secs(1), "{on_full:?}");
        assert!(sink.flush(LONG));
        assert!(sink.close(LONG));
        let text = read(&folder);
        assert!(whole(&text), "{on_full:?}: a torn line");
        let counts = sink.counts();
        assert_eq!(text.lines().count() as u64, counts.written, "{on_full:?}");
        assert_eq!(counts.written + counts.dropped, taken, "{on_full:?}");
        fs::remove_dir_all(&folder).unwrap();
    }
}

#[test]
fn a_small_queue_is_emptied_long_before_it_is_full() {
    assert_eq!(Shared::new(256 * 1024).enough, 64 * 1024);
    assert_eq!(Shared::new(usize::MAX).enough, ENOUGH);
}
