//! The states of a post, and which may follow which.
//!
//! `docs/publishing.md` draws its diagram from [`State::next`].

use serde::{Deserialize, Serialize};

macro_rules! states {
    ($($(#[$meta:meta])* $state:ident $word:literal: $meaning:literal => [$($next:ident),*],)*) => {
        /// Where a post stands.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum State {
            $(#[doc = $meaning] $state,)*
        }

        impl State {
            /// All of them.
            pub const ALL: &[State] = &[$(State::$state,)*];

            /// The word in records, answers and filters.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(State::$state => $word,)*
                }
            }

            /// What it means for a caller.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(State::$state => $meaning,)*
                }
            }

            /// The states that follow as planned.
            pub fn next(self) -> &'static [State] {
                match self {
                    $(State::$state => &[$(State::$next),*],)*
                }
            }
        }
    };
}

states! {
    Draft "draft":
        "Kept, and not planned: nothing happens before somebody plans it."
        => [Scheduled, Canceled],
    Scheduled "scheduled":
        "Planned: its containers are made some hours before its time, or at once where that is near."
        => [Draft, Preparing, Failed, Canceled],
    Preparing "preparing":
        "Instagram fetches and processes the media."
        => [Draft, Scheduled, Ready, Failed, Canceled],
    Ready "ready":
        "Everything is prepared: at its time one call is left."
        => [Draft, Scheduled, Preparing, Publishing, Failed, Canceled],
    Publishing "publishing":
        "The call that publishes is under way. Nothing can be changed any more."
        => [Published, Unknown, Ready, Failed],
    Unknown "unknown":
        "Instagram's answer to the publishing call was unclear. It is being found out whether the post is live; it is not \
         published again before that is known. It can be called off only once nothing is looked for any more."
        => [Published, Ready, Preparing, Failed, Canceled],
    Published "published":
        "It is live at Instagram."
        => [],
    Failed "failed":
        "It is not live, and does not become so by itself: the reason says what to change. A retry starts it again."
        => [Draft, Scheduled, Canceled],
    Canceled "canceled":
        "Somebody called it off, and nothing more is done for it. It was not published; where nobody knows whether it was, \
         its reason says so."
        => [],
}

impl State {
    /// Reads a state's word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|state| state.as_str() == word)
    }

    /// Whether a post may go from here to `next`.
    ///
    /// An answer of Instagram's may come late, and what is live is `published`, whatever was believed before.
    pub fn may_become(self, next: State) -> bool {
        let is_proved = next == State::Published && self != State::Published;
        is_proved || self.next().contains(&next)
    }

    /// Whether its content and its time may still be changed: nothing irreversible has happened.
    pub fn is_open(self) -> bool {
        self == State::Draft || self.may_become(State::Draft)
    }

    /// Whether nothing happens any more unless somebody asks for it.
    pub fn is_at_rest(self) -> bool {
        matches!(
            self,
            State::Draft | State::Published | State::Failed | State::Canceled
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d_nothing_leads_from_a_published_post_anywhere_and_a_proof_leads_from_anywhere_to_it() {
        for state in State::ALL.iter().copied() {
            assert!(!State::Published.may_become(state), "{state:?}");
            let is_other = state != State::Published;
            assert_eq!(state.may_become(State::Published), is_other, "{state:?}");
            assert_eq!(State::Canceled.may_become(state), state == State::Published);
        }
    }

    #[test]
    fn d_only_a_ready_post_is_published() {
        let before: Vec<State> = State::ALL
            .iter()
            .copied()
            .filter(|state| state.may_become(State::Publishing))
            .collect();
        assert_eq!(before, [State::Ready]);
    }

    #[test]
    fn words_read_back_and_every_state_is_reached() {
        for state in State::ALL.iter().copied() {
            assert_eq!(State::parse(state.as_str()), Some(state));
            let json = serde_json::to_string(&state).unwrap();
            assert_eq!(json, format!("\"{}\"", state.as_str()));
            let is_reached = State::ALL.iter().any(|other| other.may_become(state));
            assert!(is_reached, "{state:?}");
        }
        assert_eq!(State::parse("Ready"), None);
    }

    #[test]
    fn d_once_publishing_has_begun_nothing_can_be_changed() {
        for state in [State::Publishing, State::Unknown, State::Published] {
            assert!(!state.is_open(), "{state:?}");
        }
    }
}
