//! The state folder: what survives a restart, who uses it, and how it is emptied.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::StartError;

/// Log lines of earlier runs are dropped when there are more than this many bytes of them.
const LONGEST_LOG: u64 = 10_000_000;

/// The folder, held by this process alone.
pub(crate) struct StateFolder {
    folder: PathBuf,
    /// Held, and with it the lock.
    _lock: File,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SavedClock {
    ahead_ms: i64,
}

impl StateFolder {
    /// Takes the folder, makes it where there is none, and empties it where `fresh` says so.
    pub(crate) fn open(folder: &Path, fresh: bool) -> Result<Self, StartError> {
        let shown = folder.display();
        make_private(folder).map_err(|error| {
            StartError::new(format!("the state folder {shown} cannot be made: {error}"))
        })?;
        let lock = File::create(folder.join("lock")).map_err(|error| {
            StartError::new(format!(
                "the state folder {shown} cannot be written: {error}"
            ))
        })?;
        lock.try_lock().map_err(|_| {
            StartError::new(format!(
                "another local stack uses the state folder {shown}: stop it, or choose another folder with --state"
            ))
        })?;
        let state = Self {
            folder: folder.to_owned(),
            _lock: lock,
        };
        if fresh {
            state.empty()?;
        }
        Ok(state)
    }

    /// Removes what a stack puts there, and nothing else: the folder may have been named by mistake.
    fn empty(&self) -> Result<(), StartError> {
        let cannot = |error: std::io::Error| {
            StartError::new(format!("the state cannot be removed: {error}"))
        };
        for file in [
            self.key_file(),
            self.clock_file(),
            self.instagram(),
            // What the simulated Instagram keeps beside its state.
            self.folder.join("instagram.json.media"),
            self.log_file(),
            self.events_file(),
        ] {
            if file.exists() {
                fs::remove_file(file).map_err(cannot)?;
            }
        }
        if self.aws().exists() {
            fs::remove_dir_all(self.aws()).map_err(cannot)?;
        }
        Ok(())
    }

    /// Where the embedded AWS keeps its state.
    pub(crate) fn aws(&self) -> PathBuf {
        self.folder.join("aws")
    }

    /// Where the simulated Instagram keeps its state.
    pub(crate) fn instagram(&self) -> PathBuf {
        self.folder.join("instagram.json")
    }

    /// Where the functions' log lines go.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.folder.join("log.jsonl")
    }

    /// Where what is put on the bus goes.
    pub(crate) fn events_file(&self) -> PathBuf {
        self.folder.join("events.jsonl")
    }

    fn key_file(&self) -> PathBuf {
        self.folder.join("key")
    }

    fn clock_file(&self) -> PathBuf {
        self.folder.join("clock.json")
    }

    /// The key that signs local tokens and cursors: made once.
    pub(crate) fn key(&self) -> Result<Vec<u8>, StartError> {
        if let Ok(key) = fs::read(self.key_file())
            && key.len() == 32
        {
            return Ok(key);
        }
        let mut key = [0; 32];
        getrandom::fill(&mut key)
            .map_err(|error| StartError::new(format!("no random numbers: {error}")))?;
        write_private(&self.key_file(), &key)
            .map_err(|error| StartError::new(format!("the key cannot be kept: {error}")))?;
        Ok(key.to_vec())
    }

    /// How far the clock was turned ahead of this machine's.
    pub(crate) fn clock_ahead(&self) -> SignedDuration {
        let saved = fs::read(self.clock_file())
            .ok()
            .and_then(|bytes| serde_json::from_slice::<SavedClock>(&bytes).ok());
        SignedDuration::from_millis(saved.map_or(0, |saved| saved.ahead_ms))
    }

    /// Keeps how far the clock is ahead.
    pub(crate) fn save_clock(&self, ahead: SignedDuration) -> std::io::Result<()> {
        let saved = SavedClock {
            ahead_ms: i64::try_from(ahead.as_millis()).unwrap_or(i64::MAX),
        };
        write_private(
            &self.clock_file(),
            serde_json::to_string(&saved)?.as_bytes(),
        )
    }

    /// The log, to append to.
    pub(crate) fn open_log(&self) -> Result<File, StartError> {
        append_to(self.log_file())
    }

    /// The events of the bus, to append to.
    pub(crate) fn open_events(&self) -> Result<File, StartError> {
        append_to(self.events_file())
    }
}

fn append_to(file: PathBuf) -> Result<File, StartError> {
    let is_long = fs::metadata(&file).is_ok_and(|facts| facts.len() > LONGEST_LOG);
    let mut options = private();
    options.append(true);
    if is_long {
        options = private();
        options.write(true).truncate(true);
    }
    options
        .open(&file)
        .map_err(|error| StartError::new(format!("{} cannot be written: {error}", file.display())))
}

/// With `--instagram real` there are real tokens in it: nobody else on this machine may look.
fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(folder)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}

/// Written beside and moved into place, so that a crash leaves the old or the new.
fn write_private(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let beside = file.with_extension("new");
    let mut new = private().write(true).truncate(true).open(&beside)?;
    new.write_all(bytes)?;
    new.sync_all()?;
    fs::rename(beside, file)
}
