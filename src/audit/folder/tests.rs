use super::*;
use crate::clock::Timestamp;

fn open(path: &Path, rotate_size: u64, keep: usize) -> io::Result<Folder> {
    let clock = Clock::fixed(Timestamp::from_seconds(1_795_426_200));
    Folder::open(path, rotate_size, keep, clock)
}

fn write(folder: &mut Folder, line: &str) {
    let mut written = 0;
    folder.write(line.as_bytes(), &mut written).unwrap();
    assert_eq!(written, line.len());
}

fn read(path: &Path) -> String {
    fs::read_to_string(path.join(CURRENT)).unwrap()
}

#[test]
fn half_a_line_is_ended() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join(CURRENT), "{\"a\":1}\n{\"b\":").unwrap();
    let mut folder = open(home.path(), 1 << 20, 0).unwrap();
    write(&mut folder, "{\"c\":3}\n");
    assert_eq!(read(home.path()), "{\"a\":1}\n{\"b\":\n{\"c\":3}\n");
    drop(folder);
    open(home.path(), 1 << 20, 0).unwrap();
    assert_eq!(read(home.path()), "{\"a\":1}\n{\"b\":\n{\"c\":3}\n");
}

#[test]
fn files_are_rotated_in_order_and_the_oldest_removed() {
    let home = tempfile::tempdir().unwrap();
    let mut folder = open(home.path(), 20, 2).unwrap();
    for number in 0..10 {
        write(&mut folder, &format!("line number {number}\n"));
    }
    let mut names: Vec<_> = fs::read_dir(home.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "audit.jsonl",
            "sidegate-audit-20261123T093000Z-007.jsonl",
            "sidegate-audit-20261123T093000Z-008.jsonl"
        ]
    );
    assert_eq!(read(home.path()), "line number 9\n");
}

#[test]
fn a_line_larger_than_the_rotation_size_is_written_whole() {
    let home = tempfile::tempdir().unwrap();
    let mut folder = open(home.path(), 5, 0).unwrap();
    write(&mut folder, "a line of some length\n");
    write(&mut folder, "and another\n");
    assert_eq!(read(home.path()), "and another\n");
}

#[test]
fn a_moved_deleted_or_cut_file_is_noticed() {
    let home = tempfile::tempdir().unwrap();
    let mut folder = open(home.path(), 1 << 20, 0).unwrap();
    write(&mut folder, "one\n");
    fs::rename(home.path().join(CURRENT), home.path().join("moved")).unwrap();
    write(&mut folder, "two\n");
    assert_eq!(read(home.path()), "two\n");
    fs::remove_file(home.path().join(CURRENT)).unwrap();
    write(&mut folder, "three\n");
    assert_eq!(read(home.path()), "three\n");
    fs::write(home.path().join(CURRENT), "").unwrap();
    write(&mut folder, "four\n");
    assert_eq!(read(home.path()), "four\n");
    fs::remove_dir_all(home.path()).unwrap();
    write(&mut folder, "five\n");
    assert_eq!(read(home.path()), "five\n");
}

#[test]
fn a_line_begun_in_a_lost_file_is_written_in_full() {
    let home = tempfile::tempdir().unwrap();
    let mut folder = open(home.path(), 1 << 20, 0).unwrap();
    fs::remove_file(home.path().join(CURRENT)).unwrap();
    let mut written = 7;
    folder.write(b"one\ntwo\nthree\n", &mut written).unwrap();
    assert_eq!(read(home.path()), "two\nthree\n");
}

#[test]
fn what_cannot_be_written_is_an_error_until_it_can() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("audit");
    let mut folder = open(&path, 1 << 20, 0).unwrap();
    fs::remove_dir_all(&path).unwrap();
    fs::write(&path, "in the way").unwrap();
    let mut written = 0;
    folder.write(b"one\n", &mut written).unwrap_err();
    fs::remove_file(&path).unwrap();
    folder.write(b"one\n", &mut written).unwrap();
    assert_eq!(read(&path), "one\n");
}

#[test]
fn one_process_writes_a_folder() {
    let home = tempfile::tempdir().unwrap();
    let first = open(home.path(), 1 << 20, 0).unwrap();
    let error = open(home.path(), 1 << 20, 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceBusy);
    drop(first);
    open(home.path(), 1 << 20, 0).unwrap();
}
