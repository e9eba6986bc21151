//! The file that carries containers, media and comments across restarts. It is only ever added to, one line for
//! all that a call changed: writing everything anew with every post would cost more with every post.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::content::{Comment, Container, Content, Media};

/// What one call changed. A container that is here again replaces the earlier one.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Change {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) containers: Vec<Container>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) media: Vec<Media>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) comments: Vec<Comment>,
    /// Media that are gone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) removed: Vec<String>,
    /// Figures by media and metric.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) insights: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Change {
    pub(super) fn of_container(container: Container) -> Self {
        Self {
            containers: vec![container],
            ..Self::default()
        }
    }

    pub(super) fn of_comment(comment: Comment) -> Self {
        Self {
            comments: vec![comment],
            ..Self::default()
        }
    }

    pub(super) fn of_insights(media_id: &str, figures: BTreeMap<String, u64>) -> Self {
        Self {
            insights: BTreeMap::from([(media_id.to_owned(), figures)]),
            ..Self::default()
        }
    }

    pub(super) fn publish(
        &mut self,
        container: &Container,
        media_id: String,
        parent_id: Option<&str>,
        children: Vec<String>,
        now_ms: i64,
    ) {
        self.media.push(Media {
            id: media_id.clone(),
            ig_user_id: container.ig_user_id.clone(),
            kind: container.kind,
            container_id: container.id.clone(),
            parent_id: parent_id.map(str::to_owned),
            children,
            published_at_ms: now_ms,
            details: container.details.clone(),
            counts_hidden: false,
            address_withheld: false,
            comments_disabled: false,
        });
        self.containers.push(Container {
            media_id: Some(media_id),
            ..container.clone()
        });
    }
}

pub(super) struct Journal {
    file: File,
    /// How long the file is: whole lines only.
    length: u64,
    /// Whole lines that are not in the file yet.
    unwritten: Vec<u8>,
}

impl Journal {
    pub(super) fn note(&mut self, change: &Change) {
        // A struct of texts and numbers always becomes JSON.
        if serde_json::to_writer(&mut self.unwritten, change).is_ok() {
            self.unwritten.push(b'\n');
        }
    }
}

impl Content {
    /// Content that is kept in this file, with what is in it already where `resume` says so.
    pub(crate) fn kept_in(path: &Path, resume: bool, seed: u64) -> io::Result<Self> {
        let mut content = Self::new(seed);
        let mut whole_lines = 0;
        if resume && path.exists() {
            let bytes = std::fs::read(path)?;
            for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                // Whoever was interrupted in the middle of a line did not answer its call either.
                if line.ends_with(b"\n") {
                    content.apply(serde_json::from_slice(line)?);
                    whole_lines += line.len() as u64;
                }
            }
        }
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        file.set_len(whole_lines)?;
        content.journal = Some(Journal {
            file,
            length: whole_lines,
            unwritten: Vec::new(),
        });
        Ok(content)
    }

    /// Writes down what changed since the last time. What cannot be written is tried again with the next change.
    pub(crate) fn write_down(&mut self) {
        let Some(journal) = &mut self.journal else {
            return;
        };
        if journal.unwritten.is_empty() {
            return;
        }
        match journal.file.write_all(&journal.unwritten) {
            Ok(()) => {
                journal.length += journal.unwritten.len() as u64;
                journal.unwritten.clear();
            }
            Err(error) => {
                // A part may have been written, which the next try writes again.
                let _ = journal.file.set_len(journal.length);
                let _ = writeln!(
                    io::stderr(),
                    "instagram-sim: cannot write down what was published: {error}"
                );
            }
        }
    }
}
