//! Reads a bundle into a folder. What is not just as listed is refused, whoever made it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::bundle::{Error, FORMAT, LIST, List, Listed, VERSION, is_safe};

/// The largest list that is read, in bytes.
const LONGEST_LIST: u64 = 64 << 20;

/// Bytes copied at a time.
const BUFFER: usize = 64 * 1024;

/// Unpacks a bundle into an empty folder, and gives its list. On an error what lies there is worth nothing.
pub fn unpack(bundle: impl Read, into: &Path) -> Result<List, Error> {
    let mut tar = tar::Archive::new(zstd::Decoder::new(bundle)?);
    let mut entries = tar.entries()?;
    let first = entries.next().ok_or_else(|| wrong("it is empty"))??;
    let list = read_list(first)?;
    let mut left = by_path(&list)?;
    for entry in entries {
        let mut entry = entry?;
        let path = String::from_utf8(entry.path_bytes().into_owned())
            .map_err(|_| wrong("a path in it is no text"))?;
        if entry.header().entry_type() != tar::EntryType::Regular {
            return Err(wrong(format!("`{path}` is no plain file: a bundle has no links and no folders")));
        }
        let Some(listed) = left.remove(path.as_str()) else {
            return Err(wrong(format!("`{path}` is not in its list, or is there twice")));
        };
        if entry.size() != listed.bytes {
            let said = listed.bytes;
            return Err(wrong(format!("`{path}` has {} bytes, and its list says {said}", entry.size())));
        }
        write(&mut entry, &into.join(&listed.path), listed)?;
    }
    if let Some(path) = left.keys().next() {
        return Err(wrong(format!("`{path}` is missing")));
    }
    // Subtle: the checksum of the stream stands at its very end.
    io::copy(&mut tar.into_inner(), &mut io::sink())?;
    Ok(list)
}

/// Reads a bundle's list alone.
pub fn list(bundle: &Path) -> Result<List, Error> {
    let mut tar = tar::Archive::new(zstd::Decoder::new(File::open(bundle)?)?);
    let first = tar.entries()?.next().ok_or_else(|| wrong("it is empty"))??;
    read_list(first)
}

fn wrong(what: impl Into<String>) -> Error {
    Error::Wrong(what.into())
}

fn read_list(entry: tar::Entry<'_, impl Read>) -> Result<List, Error> {
    if entry.path_bytes().as_ref() != LIST.as_bytes() || entry.size() > LONGEST_LIST {
        return Err(wrong(
            "it does not begin with a list of its files: it is no bundle of `flowbatch export`",
        ));
    }
    let mut text = Vec::new();
    entry.take(LONGEST_LIST).read_to_end(&mut text)?;
    let list: List = serde_json::from_slice(&text).map_err(|error| wrong(format!("its list: {error}")))?;
    if list.format != FORMAT || list.version != VERSION {
        let found = format!("{} {}", list.format, list.version);
        return Err(wrong(format!("it is `{found}`, and this flowbatch reads `{FORMAT} {VERSION}`")));
    }
    Ok(list)
}

/// Gives the files by their paths in the bundle. Two that a system could take for one are refused.
/// Says whether a bundle of these files can be opened: each name must be one that every system takes, and no other's.
pub fn check(list: &List) -> Result<(), Error> {
    by_path(list).map(drop)
}

fn by_path(list: &List) -> Result<BTreeMap<String, &Listed>, Error> {
    let is_name = |name: &str| is_safe(name) && !name.contains('/') && !name.starts_with('.');
    if !is_name(&list.manifest) || !is_name(&list.run_id) {
        return Err(wrong("its run has a name that can't be a folder"));
    }
    let mut files = BTreeMap::new();
    let mut folded = std::collections::BTreeSet::new();
    for file in &list.files {
        if !is_safe(&file.path) {
            return Err(wrong(format!("`{}` in its list is no path below a run folder", file.path)));
        }
        if !folded.insert(file.path.to_lowercase()) {
            return Err(wrong(format!("`{}` is in its list twice", file.path)));
        }
        files.insert(format!("{}/{}/{}", list.manifest, list.run_id, file.path), file);
    }
    Ok(files)
}

/// Writes a file, durable, while its digest is taken.
fn write(content: &mut dyn Read, path: &Path, listed: &Listed) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = File::create_new(path)?;
    let (mut digest, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; BUFFER]);
    loop {
        let read = content.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        digest.update(&buffer[..read]);
        file.write_all(&buffer[..read])?;
    }
    if bytes != listed.bytes || hex::encode(digest.finalize()) != listed.sha256 {
        return Err(wrong(format!("`{}` is not what its list says: its digest is another", listed.path)));
    }
    file.sync_all()?;
    Ok(())
}
