//! The process ends anywhere on a post's way: at every wait of every step, and of the request that takes it in.

use std::future::Future;
use std::pin::Pin;

use aws_sim::{Fault as AwsFault, FaultKind as AwsFaultKind};
use futures_util::future::join;
use instagram_sim::{Fault, FaultKind};
use jiff::SignedDuration;
use serde_json::Value;
use serde_json::value::RawValue;
use shared::lambda::{Context, Function};
use shared::post::{Post, State};
use world::gateway::{HttpCall, api_gateway_event};
use world::resources::POST_QUEUE;
use world::sqs_event::{done, sqs_event};

use crate::crash::{ended_after, held_after};
use crate::journey::{ANN, Journey};
use crate::posts::{WHO, body, created, with_account};

const PUBLISH: &str = "POST /{ig_id}/media_publish";
/// Everything that a post meets has come to its end by then: a look for it lasts a day.
const LONGEST: SignedDuration = SignedDuration::from_hours(26);

/// What goes wrong on a post's way besides a process that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    None,
    /// Instagram publishes, and its answer is lost.
    AnswerLost,
    /// The call never reaches Instagram.
    CallLost,
    /// Instagram publishes, and says that it did not.
    PublishedAndRefused,
    /// Instagram says that the account is blocked, and it is.
    Blocked,
    /// Every message comes twice.
    Twice,
    /// Every message is taken by two sandboxes at the same moment.
    TwiceAtOnce,
    /// The process does not end: it sleeps, and its answers reach it when all is over.
    Asleep,
}

/// Where the process ends: at which delivery, and at which of its waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) delivery: usize,
    pub(crate) waits: usize,
}

type Sandbox = Pin<Box<dyn Future<Output = Box<RawValue>>>>;

/// A process that takes an event.
fn sandbox(journey: &Journey, event: &str, trouble: Trouble) -> Sandbox {
    let function = Function::new(journey.world.cold("publish")).with_tasks(publish::handle);
    let limit = match trouble {
        Trouble::Asleep => LONGEST * 2,
        _ => SignedDuration::from_secs(30),
    };
    let deadline = journey.world.now() + limit;
    let mut context = Context::default();
    context.deadline = u64::try_from(deadline.as_millisecond()).expect("after 1970");
    let event = event.to_owned();
    Box::pin(async move { function.invoke(&event, context).await.expect("an answer") })
}

/// Hands over what waits in the posts' queue, one message at a time.
#[derive(Default)]
pub(crate) struct Deliveries {
    /// How many there were.
    pub(crate) count: usize,
    /// The process that was to end early came to its end before.
    pub(crate) outlived: bool,
    asleep: Option<Sandbox>,
}

impl Deliveries {
    async fn hand_over(&mut self, journey: &Journey, end: Option<End>, trouble: Trouble) {
        let (client, resources) = (&journey.world.clients.sqs, &journey.world.resources);
        loop {
            let received = client
                .receive_message()
                .queue_url(&resources.post_queue_url)
                .max_number_of_messages(1)
                .send()
                .await
                .expect("the queue answers");
            let messages = received.messages();
            if messages.is_empty() {
                return;
            }
            let event = sqs_event(messages, &resources.post_queue_arn);
            let mut first = sandbox(journey, &event, trouble);
            let answer = match end {
                Some(end) if end.delivery == self.count => {
                    let answer = held_after(end.waits, &mut first).await;
                    self.outlived |= answer.is_some();
                    self.asleep = Some(first).filter(|_| trouble == Trouble::Asleep);
                    answer
                }
                _ if trouble == Trouble::TwiceAtOnce => {
                    let other = sandbox(journey, &event, trouble);
                    Some(join(first, other).await.0)
                }
                _ => Some(first.await),
            };
            self.count += 1;
            let Some(answer) = answer else {
                continue;
            };
            for message in done(messages, answer.get()) {
                client
                    .delete_message()
                    .queue_url(&resources.post_queue_url)
                    .receipt_handle(message.receipt_handle().expect("a handle"))
                    .send()
                    .await
                    .expect("the queue answers");
            }
        }
    }

    /// Until nothing is due for the post any more.
    pub(crate) async fn until_rest(
        &mut self,
        journey: &Journey,
        account: &str,
        post: &str,
        end: Option<End>,
        trouble: Trouble,
    ) -> Post {
        let table = &journey.world.app("test").table;
        let begun = journey.world.now();
        loop {
            journey.world.aws.fire_due_schedules().await;
            self.hand_over(journey, end, trouble).await;
            let record = table.post(account, post).await.expect("the table answers");
            let record = record.expect("a post");
            let is_idle = journey.world.aws.messages(POST_QUEUE).is_empty();
            if record.wake_at.is_none() && is_idle {
                let Some(sleeper) = self.asleep.take().filter(|_| !self.outlived) else {
                    return record;
                };
                sleeper.await;
                continue;
            }
            let now = journey.world.now();
            assert!(now.duration_since(begun) < LONGEST, "stuck: {record:?}");
            let due = journey.world.aws.next_due().expect("something is due");
            let left = due - journey.world.clock.milliseconds();
            journey
                .world
                .clock
                .advance(SignedDuration::from_millis(left.max(1)));
        }
    }
}

fn add_trouble(journey: &Journey, trouble: Trouble) {
    let kind = match trouble {
        Trouble::None | Trouble::TwiceAtOnce | Trouble::Asleep => return,
        Trouble::Twice => {
            let fault = AwsFault::on("sqs", "ReceiveMessage", AwsFaultKind::DuplicateDelivery);
            return journey.world.aws.add_fault(fault);
        }
        Trouble::AnswerLost => FaultKind::ApplyThenDrop,
        Trouble::CallLost => FaultKind::Reset,
        Trouble::Blocked => FaultKind::spam_block(),
        Trouble::PublishedAndRefused => FaultKind::spam_block().although_applied(),
    };
    let fault = Fault::new(kind).at(PUBLISH);
    let fault = match trouble {
        Trouble::Blocked => fault,
        _ => fault.times(1),
    };
    journey.world.instagram.add_fault(fault);
}

/// The account is paused, as everybody must know by now; the block ends.
async fn unblock(journey: &Journey) {
    let record = journey.records(ANN.company).await.remove(0);
    let pause = record.publishing_paused.expect("a pause");
    assert_eq!(pause.reason.code, "spam_suspected");
    let left = pause.until.duration_since(journey.world.now());
    assert!(left > SignedDuration::from_hours(22), "{pause:?}");
    let app = journey.world.app("test");
    app.table
        .update_account(&record.id, journey.world.now(), |record| {
            record.publishing_paused = None;
            true
        })
        .await
        .expect("the table answers");
}

/// At every wait of every delivery the process ends: each time exactly one media stands at Instagram, and the post knows
/// which; none where Instagram refuses it.
async fn ended_everywhere(kind: &str, trouble: Trouble) {
    let (journey, account) = with_account().await;
    let (mut points, mut delivery, mut media) = (0, 0, 0);
    loop {
        let mut waits = 0;
        let mut deliveries;
        loop {
            let caption = format!("Bread {points}");
            let post = created(&journey, &account, &body(&journey, kind, &caption)).await;
            add_trouble(&journey, trouble);
            deliveries = Deliveries::default();
            let end = End { delivery, waits };
            let record = deliveries
                .until_rest(&journey, &account, &post, Some(end), trouble)
                .await;
            journey.world.instagram.clear_faults();
            journey.world.aws.clear_faults();
            let live = journey.world.instagram.published_by(WHO);
            if trouble == Trouble::Blocked {
                assert_eq!(live.len(), 0, "{kind} {end:?}: {record:?}");
                assert_eq!(record.state, State::Failed, "{kind} {end:?}");
                unblock(&journey).await;
            } else {
                media += 1;
                assert_eq!(live.len(), media, "{kind} {trouble:?} {end:?}: {record:?}");
                assert_eq!(record.state, State::Published, "{kind} {trouble:?} {end:?}");
                let newest = live.last().expect("a media");
                assert_eq!(record.media_id.as_ref(), Some(&newest.id), "{end:?}");
                assert!(record.permalink.is_some(), "{end:?}");
            }
            points += 1;
            // A story is told from others by nothing but its time.
            journey.world.clock.advance(SignedDuration::from_mins(10));
            if deliveries.outlived || deliveries.count <= delivery {
                break;
            }
            waits += 1;
        }
        if deliveries.count <= delivery {
            break;
        }
        delivery += 1;
    }
    assert!(delivery > 2 && points > 25, "{points} points in {delivery}");
    journey.finish().await;
}

/// A module of tests for each kind.
macro_rules! wherever_a_step_ends {
    ($($of_kind:ident: $kind:literal,)*) => {$(
        mod $of_kind {
            use super::{Trouble, ended_everywhere};

            #[tokio::test]
            async fn d03_wherever_a_step_ends_it_is_published_once() {
                ended_everywhere($kind, Trouble::None).await;
            }

            #[tokio::test]
            async fn d03_wherever_a_step_sleeps_it_is_published_once() {
                ended_everywhere($kind, Trouble::Asleep).await;
            }

            #[tokio::test]
            async fn d01_wherever_a_step_ends_after_a_lost_answer_it_is_published_once() {
                ended_everywhere($kind, Trouble::AnswerLost).await;
            }

            #[tokio::test]
            async fn d02_wherever_a_step_ends_after_a_lost_call_it_is_published_once() {
                ended_everywhere($kind, Trouble::CallLost).await;
            }

            #[tokio::test]
            async fn d13_wherever_a_step_ends_after_a_refusal_that_was_none_it_is_published_once() {
                ended_everywhere($kind, Trouble::PublishedAndRefused).await;
            }

            #[tokio::test]
            async fn d13_wherever_a_step_ends_after_a_block_the_account_is_paused() {
                ended_everywhere($kind, Trouble::Blocked).await;
            }

            #[tokio::test]
            async fn d14_wherever_a_step_ends_among_repeated_messages_it_is_published_once() {
                ended_everywhere($kind, Trouble::Twice).await;
            }

            #[tokio::test]
            async fn d14_wherever_a_step_ends_among_sandboxes_at_once_it_is_published_once() {
                ended_everywhere($kind, Trouble::TwiceAtOnce).await;
            }
        }
    )*};
}

wherever_a_step_ends! {
    image: "image",
    carousel: "carousel",
    reel: "reel",
    story: "story",
}

/// A request that dies leaves no post, or one that is published once.
#[tokio::test]
async fn d_wherever_the_request_that_takes_a_post_in_ends_there_is_no_post_or_one_that_is_published()
 {
    let (journey, account) = with_account().await;
    journey.world.schedule_post_audits().await;
    let (mut waits, mut media) = (0, 0);
    loop {
        let body = body(&journey, "image", &format!("Bread {waits}"));
        let call = HttpCall::post(&format!("/instagram/accounts/{account}/posts"))
            .as_user(ANN.user, ANN.company, "editor")
            .json(&body);
        let event = api_gateway_event(&call, journey.world.now());
        let api = Function::new(journey.world.cold("publish")).with_routes(publish::routes());
        let ended = ended_after(waits, api.invoke(&event, Context::default())).await;
        journey.advance(SignedDuration::from_mins(30)).await;
        let call = HttpCall::get(&format!("/instagram/accounts/{account}/posts?limit=100"));
        let call = call.as_user(ANN.user, ANN.company, "viewer");
        let listed = journey.call(&journey.publish, call).await.json();
        let posts = listed["posts"].as_array().expect("a list");
        assert!((media..=media + 1).contains(&posts.len()), "{waits}");
        assert!(posts.iter().all(|post| post["state"] == "published"));
        media = posts.len();
        let live = journey.world.instagram.published_by(WHO);
        assert_eq!(live.len(), media, "{waits}");
        let ids = |of: &Value| of["mediaId"].as_str().map(str::to_owned);
        let mut known: Vec<_> = posts.iter().filter_map(ids).collect();
        known.sort();
        known.dedup();
        assert_eq!(known.len(), media);
        if ended.is_some() {
            break;
        }
        waits += 1;
    }
    assert!(waits > 4 && media > 0, "{waits} waits, {media} media");
    journey.finish().await;
}
