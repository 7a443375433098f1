//! Reads and renders rows ahead of their start, on a thread of its own.

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::dataset::{Dataset, Item, Malformed, attach, row_sha};
use crate::flow_file::InputSchema;
use crate::machine;
use crate::manifest::Manifest;
use crate::mapping::{InputTemplate, Scope, ScopeParts};
use crate::model::{ErrorKind, Json, Record, Row, RowError, RowSet, StopCause, row_tag};
use crate::runner::{Content, Prepared, Rows};

/// How many rendered rows are kept ahead when inputs are small, and when they carry files.
const AHEAD: usize = 256;
const AHEAD_WITH_FILES: usize = 4;

/// Makes what is sent out of a row.
#[derive(Clone, Debug)]
pub struct Renderer {
    manifest: Arc<Manifest>,
    run_id: String,
    schema: Option<InputSchema>,
}

impl Renderer {
    /// Renders by this manifest; an input that breaks `schema` is rejected.
    pub fn new(manifest: Arc<Manifest>, run_id: String, schema: Option<InputSchema>) -> Self {
        Self { manifest, run_id, schema }
    }

    /// Gives how many rows may be rendered ahead of their start.
    pub fn ahead(&self) -> usize {
        if carries_files(&self.manifest.input) { AHEAD_WITH_FILES } else { AHEAD }
    }

    /// Renders a row, or says why it can't be.
    pub fn prepare(&self, item: Item) -> Prepared {
        match item {
            Item::Row(row) => {
                let content = self.render(&row);
                let Row { number, key, record } = row;
                Prepared {
                    number,
                    key: Some(key),
                    row_sha: row_sha(&record),
                    record: text_of(&record),
                    content,
                }
            }
            Item::Malformed(Malformed { number, key, record, place, error }) => {
                let message = format!("{place}: {}", error.message);
                let content = Err(RowError { message, ..error });
                Prepared { number, key, row_sha: row_sha(&record), record: text_of(&record), content }
            }
        }
    }

    /// Gives what `userId` a row carries; none when it can't be rendered.
    pub(crate) fn user_id(&self, row: &Row) -> Option<String> {
        let typed = self.manifest.dataset.types.apply(&row.record).ok()?;
        let tag = row_tag(&self.run_id, row.number);
        self.manifest.workflow.user_id.render_text(&self.scope(row, &typed, &tag)).ok()
    }

    fn scope(&self, row: &Row, typed: &Record, tag: &str) -> Scope {
        let manifest = &*self.manifest;
        Scope::new(&ScopeParts {
            row: typed,
            row_number: row.number,
            row_key: &row.key.0,
            row_tag: tag,
            repeat: manifest.dataset.repeats.repeat(row.number),
            vars: &manifest.vars,
            run_id: &self.run_id,
            manifest_name: &manifest.name,
            schedule: manifest.slot.as_ref(),
            env: &manifest.env,
            reply: None,
        })
    }

    fn render(&self, row: &Row) -> Result<Content, RowError> {
        let manifest = &*self.manifest;
        let mapping = |message: String| RowError::new(ErrorKind::MAPPING, message);
        let typed = manifest
            .dataset
            .types
            .apply(&row.record)
            .map_err(|message| RowError::new(ErrorKind::MALFORMED, message))?;
        let tag = row_tag(&self.run_id, row.number);
        let scope = self.scope(row, &typed, &tag);
        let rendered = manifest.input.render(&scope).map_err(|error| mapping(error.message))?;
        let user_id = manifest.workflow.user_id.render_text(&scope);
        let user_id = user_id.map_err(|error| mapping(format!("user_id: {}", error.message)))?;
        let attached = attach(&manifest.folder, rendered)?;
        if let Some(broken) = self.schema.as_ref().map(|schema| schema.check(&attached.input))
            && !broken.is_empty()
        {
            return Err(RowError::new(ErrorKind::SCHEMA, broken.join("; ")));
        }
        let body = attached.input.to_string();
        let input_sha256 = hex::encode(Sha256::digest(&body));
        let journal = attached.journal.map_or_else(|| body.clone(), |journal| journal.to_string());
        Ok(Content { input_sha256, journal_input: raw(journal), body: Bytes::from(body), user_id })
    }
}

fn carries_files(input: &InputTemplate) -> bool {
    match input {
        InputTemplate::File { .. } => true,
        InputTemplate::List(items) => items.iter().any(carries_files),
        InputTemplate::Object(fields) => fields.iter().any(|(_, field)| carries_files(field)),
        InputTemplate::Literal(_) | InputTemplate::Text(_) => false,
    }
}

fn text_of(record: &Record) -> Json {
    raw(serde_json::to_string(record).unwrap_or_else(|_| "{}".to_owned()))
}

/// Keeps JSON that `serde_json` itself has written.
fn raw(text: String) -> Json {
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// Starts to read the wanted rows. The thread ends with the rows, or when nobody takes them any more.
pub fn read(dataset: Dataset, renderer: Renderer, wanted: RowSet) -> std::io::Result<mpsc::Receiver<Rows>> {
    let (rows, receiver) = mpsc::channel(renderer.ahead());
    std::thread::Builder::new().name("dataset".to_owned()).spawn(move || {
        let mut left = wanted.len();
        let mut refused = None;
        let mut send = |item| {
            left -= 1;
            let prepared = Box::new(renderer.prepare(item));
            if let Some(error) =
                prepared.content.as_ref().err().filter(|error| error.kind == ErrorKind::MACHINE)
            {
                refused = Some(format!("row {}: {}", prepared.number, error.message));
                return ControlFlow::Break(());
            }
            match rows.blocking_send(Rows::Prepared(prepared)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        };
        let read = dataset.read(&wanted, &mut send);
        let (cause, detail) = match (read, refused) {
            (_, Some(refused)) => (StopCause::Disk, refused),
            (Err(error), _) if error.is_out_of_files() => (StopCause::Disk, machine::OUT_OF_FILES.to_owned()),
            (Err(error), _) if error.is_of_machine() => (StopCause::Disk, error.to_string()),
            (Err(error), _) => (StopCause::DatasetChanged, error.to_string()),
            (Ok(()), _) if left > 0 && !rows.is_closed() => {
                (StopCause::DatasetChanged, format!("the dataset has lost {left} of its rows"))
            }
            (Ok(()), _) => return,
        };
        // Nobody to tell means that the run is over already.
        let _ = rows.blocking_send(Rows::Failed { cause, detail });
    })?;
    Ok(receiver)
}
