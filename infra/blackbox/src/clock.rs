//! One clock for programs that read the machine's: functions and moto see it through libfaketime, which adds to each
//! reading what stands in a file; the simulated Instagram sees it directly.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use shared::clock::{Clock, ManualClock};

/// A clock that runs with the machine's, and can be turned forward for every process.
pub(crate) struct SharedClock {
    clock: ManualClock,
    file: PathBuf,
    library: PathBuf,
}

impl SharedClock {
    /// A clock that shows the machine's time, kept in the given file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn new(file: PathBuf, library: &Path) -> Result<Self, String> {
        let clock = Self {
            clock: ManualClock::running_ahead_by(SignedDuration::ZERO),
            file,
            library: library.to_owned(),
        };
        clock.write().map(|()| clock)
    }

    /// What a process needs in its environment to see this clock.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            // Only the time of day is turned. Time that is waited for passes as it does.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("FAKETIME_FORCE_MONOTONIC_FIX", "0".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// The clock, as the simulated Instagram takes it.
    pub(crate) fn manual(&self) -> &ManualClock {
        &self.clock
    }

    /// The present moment.
    pub(crate) fn now(&self) -> Timestamp {
        Clock::Manual(self.clock.clone()).now()
    }

    /// Turns the clock forward, by full seconds.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn advance(&self, by: SignedDuration) -> Result<(), String> {
        self.clock.advance(SignedDuration::from_secs(by.as_secs()));
        self.write()
    }

    /// Renamed into place, since it is read at any time.
    fn write(&self) -> Result<(), String> {
        let next = self.file.with_extension("next");
        std::fs::write(&next, format!("+{}\n", self.clock.ahead().as_secs()))
            .and_then(|()| std::fs::rename(&next, &self.file))
            .map_err(|error| format!("{}: {error}", self.file.display()))
    }
}
