//! A table's header: its columns, and where each stands in a further file.

use std::collections::HashMap;

use crate::dataset::Error;
use crate::dataset::csv::Cells;

/// The columns of all files, in the first one's order.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) columns: Vec<String>,
    /// The file that gave them.
    label: String,
    /// For each column its cell in the current file, where the order differs.
    order: Option<Vec<usize>>,
}

impl Table {
    /// Takes the header of the next file.
    pub(super) fn take(&mut self, label: &str, cells: &Cells) -> Result<(), Error> {
        let names = names(label, cells)?;
        if self.columns.is_empty() {
            (self.columns, self.label, self.order) = (names, label.to_owned(), None);
            return Ok(());
        }
        if self.columns == names {
            self.order = None;
            return Ok(());
        }
        let places: HashMap<&str, usize> = names.iter().enumerate().map(|(at, name)| (&**name, at)).collect();
        let missing: Vec<_> = self
            .columns
            .iter()
            .filter(|c| !places.contains_key(c.as_str()))
            .map(|c| format!("no `{c}`"))
            .collect();
        let new =
            names.iter().filter(|name| !self.columns.contains(name)).map(|name| format!("an extra `{name}`"));
        let difference = missing.into_iter().chain(new).collect::<Vec<_>>().join(", ");
        if !difference.is_empty() {
            return Err(Error::OtherColumns {
                label: label.to_owned(),
                first: self.label.clone(),
                difference,
            });
        }
        self.order = Some(self.columns.iter().filter_map(|c| places.get(c.as_str()).copied()).collect());
        Ok(())
    }

    /// Gives the cell of a column by its place in `columns`.
    pub(super) fn cell<'c>(&self, cells: &'c Cells, column: usize) -> Option<&'c str> {
        let at = self.order.as_ref().map_or(Some(column), |order| order.get(column).copied())?;
        cells.get(at)
    }

    /// Gives the place of a column.
    pub(super) fn find(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|name| name == column)
    }

    /// Refuses a column that the manifest names and no file has.
    pub(super) fn require(&self, column: &str, named_by: &'static str) -> Result<(), Error> {
        if self.find(column).is_some() {
            return Ok(());
        }
        let (label, column) = (self.label.clone(), column.to_owned());
        Err(Error::UnknownColumn { label, column, named_by, columns: self.columns.clone() })
    }
}

fn names(label: &str, cells: &Cells) -> Result<Vec<String>, Error> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (index, name) in cells.iter().map(str::trim).enumerate() {
        let (label, position) = (label.to_owned(), index + 1);
        if name.is_empty() {
            return Err(Error::EmptyColumn { label, position });
        }
        if name.contains('\0') {
            return Err(Error::NulInColumn { label, position });
        }
        if let Some(first) = seen.insert(name, position) {
            return Err(Error::DuplicateColumn { label, name: name.to_owned(), first, second: position });
        }
    }
    Ok(cells.iter().map(|name| name.trim().to_owned()).collect())
}

/// Says which delimiter a header of a single column was probably written with.
pub(super) fn delimiter_note(label: &str, cells: &Cells, delimiter: u8) -> Option<String> {
    let only = cells.get(0).filter(|_| cells.len() == 1)?;
    let (other, written) = [(';', ";"), ('\t', "\\t"), ('|', "|"), (',', ",")]
        .into_iter()
        .find(|(other, _)| *other != char::from(delimiter) && only.contains(*other))?;
    let name = if other == '\t' { "tabs".to_owned() } else { format!("`{other}`") };
    Some(format!(
        "{label} has a single column, and its name holds {name}; if that separates the cells, add `delimiter: \"{written}\"` to `dataset`"
    ))
}
