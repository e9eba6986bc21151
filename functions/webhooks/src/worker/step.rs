//! What follows from an event, given what is stored: pure, so that it can be computed again at any time.
//!
//! Whatever order events come in, the records end the same: of two tellings the newer one counts, by what they say of
//! themselves and not by when they came, and what was taken back stays so.

use shared::aws::AwsError;
use shared::engagement::{Comment, Message, StoryMetrics, Thread};
use shared::table::Table;
use shared::webhooks::Event;
use shared::webhooks::event::What;

use super::{comments, conversation};

/// What is stored of that which an event is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stored {
    pub(super) comment: Option<Comment>,
    pub(super) story: Option<StoryMetrics>,
    pub(super) thread: Option<Thread>,
    pub(super) message: Option<Message>,
}

/// What follows from an event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Step {
    /// The records as they must be.
    pub(crate) effects: Vec<Effect>,
    /// Whether something newer of the same conversation is stored already.
    pub(crate) out_of_order: bool,
}

/// A record as it must be.
#[derive(Clone, Debug)]
pub(crate) struct Effect {
    pub(super) record: Record,
    /// Whether that is something else than what is stored.
    pub(crate) changes: bool,
}

/// A record that an event has something to say to.
#[derive(Clone, Debug)]
pub(super) enum Record {
    Comment(Comment),
    Story(StoryMetrics),
    Thread(Thread),
    Message(Message),
}

impl Stored {
    /// Reads what an event is about.
    pub(super) async fn read(
        table: &Table,
        account: &str,
        event: &Event,
    ) -> Result<Self, AwsError> {
        let mut stored = Self::default();
        match &event.what {
            What::Comment(comment) => {
                stored.comment = table.comment(account, &comment.id).await?;
            }
            What::StoryInsights(insights) => {
                stored.story = table.story_metrics(account, &insights.media).await?;
            }
            What::Messaging(messaging) => {
                let person = &messaging.parties.person;
                stored.thread = table.thread(account, person).await?;
                if let Some(mid) = conversation::message_of(&messaging.act) {
                    stored.message = table.message(account, mid).await?;
                }
            }
            What::Mention(_) | What::Unknown(_) => {}
        }
        Ok(stored)
    }
}

/// What follows from an event.
pub(crate) fn step(event: &Event, stored: &Stored) -> Step {
    match &event.what {
        What::Comment(comment) => {
            let before = stored.comment.as_ref();
            let after = comments::comment(comment, event, before);
            Step::of(vec![Effect::comment(before, after)])
        }
        What::StoryInsights(insights) => {
            let before = stored.story.as_ref();
            let after = comments::story(insights, event.at, before);
            Step::of(vec![Effect::story(before, after)])
        }
        What::Messaging(messaging) => {
            let before = stored.thread.as_ref();
            let after = conversation::thread(messaging, event.at, before);
            let mut effects = vec![Effect::thread(before, after)];
            let before = stored.message.as_ref();
            if let Some(after) = conversation::message(messaging, event.at, before) {
                effects.push(Effect::message(before, after));
            }
            let newest = stored
                .thread
                .as_ref()
                .and_then(|thread| thread.last_event_at);
            Step {
                effects,
                out_of_order: event.at.is_some() && newest > event.at,
            }
        }
        // Nothing is stored of them but themselves.
        What::Mention(_) | What::Unknown(_) => Step::default(),
    }
}

impl Step {
    fn of(effects: Vec<Effect>) -> Self {
        Self {
            effects,
            out_of_order: false,
        }
    }

    /// How many records change.
    pub(crate) fn changes(&self) -> usize {
        self.effects.iter().filter(|effect| effect.changes).count()
    }
}

/// Makes the constructor of an effect: one version further where the record changes.
macro_rules! effects {
    ($($name:ident: $record:ident as $kind:ty;)+) => {
        impl Effect {
            $(fn $name(before: Option<&$kind>, mut after: $kind) -> Self {
                after.version = before.map_or(0, |before| before.version);
                let changes = before != Some(&after);
                after.version += 1;
                Self { record: Record::$record(after), changes }
            })+
        }
    };
}

effects! {
    comment: Comment as Comment;
    story: Story as StoryMetrics;
    thread: Thread as Thread;
    message: Message as Message;
}

impl Effect {
    /// Its word in the ledger.
    pub(crate) fn name(&self) -> &'static str {
        match self.record {
            Record::Comment(_) => "comment",
            Record::Story(_) => "story",
            Record::Thread(_) => "thread",
            Record::Message(_) => "message",
        }
    }

    /// Writes the record, if it changes. `false`: somebody wrote it meanwhile.
    pub(super) async fn write(&self, table: &Table, account: &str) -> Result<bool, AwsError> {
        if !self.changes {
            return Ok(true);
        }
        match &self.record {
            Record::Comment(comment) => table.write_comment(account, comment).await,
            Record::Story(story) => table.write_story_metrics(account, story).await,
            Record::Thread(thread) => table.write_thread(account, thread).await,
            Record::Message(message) => table.write_message(account, message).await,
        }
    }
}
