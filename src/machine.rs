//! What the machine refuses: too many open files, no room, no permission; and what its user can do about it.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

/// What the user is told to do when no more files can be opened.
pub const OUT_OF_FILES: &str = "this process may open no more files: raise its limit (`ulimit -n`), or lower \
`limits.concurrency`";

/// Says whether an error means that no more files, or sockets, can be opened: by this process, or by the machine.
pub fn is_out_of_files(error: &io::Error) -> bool {
    // EMFILE and ENFILE have these numbers on Linux, macOS and the BSDs; WSAEMFILE is of Windows.
    let numbers: &[i32] = if cfg!(windows) { &[4, 10_024] } else { &[23, 24] };
    error.raw_os_error().is_some_and(|number| numbers.contains(&number))
}

/// Says whether so many more files can be opened now; `any` is a file that can be read. True where that can't be told.
pub fn can_open(any: &Path, count: usize) -> bool {
    if cfg!(not(unix)) {
        return true;
    }
    let mut open = Vec::with_capacity(count);
    for _ in 0..count {
        match File::open(any) {
            Ok(file) => open.push(file),
            Err(error) => return !is_out_of_files(&error),
        }
    }
    true
}

/// Says what can be done about an error of a file, when the machine is at fault.
pub fn advice(error: &io::Error) -> Option<&'static str> {
    if is_out_of_files(error) {
        return Some(OUT_OF_FILES);
    }
    match error.kind() {
        ErrorKind::StorageFull => Some("the disk is full: make room"),
        ErrorKind::QuotaExceeded => Some("the quota is used up: make room"),
        ErrorKind::FileTooLarge => {
            Some("files may not grow that large here: raise the limit (`ulimit -f`), or use another disk")
        }
        ErrorKind::ReadOnlyFilesystem => {
            Some("the file system is read-only: make it writable, or name another output folder (`-o DIR`)")
        }
        ErrorKind::PermissionDenied => {
            Some("give this user the right to write there, or name another output folder (`-o DIR`)")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machine_refuses_comes_with_what_to_do() {
        let of_kind = |kind: ErrorKind| advice(&kind.into());
        assert!(of_kind(ErrorKind::StorageFull).is_some_and(|told| told.contains("make room")));
        assert!(of_kind(ErrorKind::ReadOnlyFilesystem).is_some_and(|told| told.contains("-o DIR")));
        assert_eq!(of_kind(ErrorKind::NotFound), None);
        assert!(!is_out_of_files(&ErrorKind::NotFound.into()));
    }

    #[cfg(unix)]
    #[test]
    fn out_of_files_is_known_by_its_number() {
        for number in [23, 24] {
            let error = io::Error::from_raw_os_error(number);
            assert!(is_out_of_files(&error), "{error}");
            assert_eq!(advice(&error), Some(OUT_OF_FILES));
        }
        assert!(can_open(Path::new("/dev/null"), 3));
        assert!(can_open(Path::new("/no/such/file"), 3), "that is another trouble");
    }
}
