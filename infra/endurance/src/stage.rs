//! What every command plays on: a world with the functions in it, and the steps that people and callers take.

use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::Value;
use shared::account::Account;
use shared::lambda::Function;
use shared::table::accounts::AccountFilter;
use world::delivery::Workers;
use world::gateway::{HttpCall, Reply};
use world::login::Begun;
use world::resources::QUEUE;
use world::sqs_event::BATCH_SIZE;
use world::{Decision, World, WorldOptions, login};

/// So many batches are in work at once, each in a sandbox of its own, as Lambda's event source mapping does it.
const WORKERS: usize = 8;

/// A world and its functions.
pub(crate) struct Stage {
    /// The surroundings.
    pub(crate) world: World,
    connect: Function,
    callback: Function,
    accounts: Function,
    workers: Vec<Function>,
}

/// How a login ended.
#[derive(Debug)]
pub(crate) enum LoginEnd {
    /// With an account.
    Connected,
    /// With a page that says what to do, or with an error.
    Refused,
}

impl Stage {
    /// A stage on which nothing has happened.
    pub(crate) async fn set(options: WorldOptions) -> Self {
        let world = World::start_with(options).await;
        let worker = || {
            Function::new(world.cold("refresh"))
                .with_routes(refresh::routes())
                .with_tasks(refresh::handle)
        };
        Self {
            connect: Function::new(world.app("connect")).with_routes(connect::routes()),
            callback: Function::new(world.app("callback")).with_routes(callback::routes()),
            accounts: Function::new(world.app("accounts")).with_routes(accounts::routes()),
            workers: std::iter::repeat_with(worker).take(WORKERS).collect(),
            world,
        }
    }

    /// A whole login in a browser: connect, consent, callback.
    ///
    /// # Errors
    /// When a function fails as a whole.
    pub(crate) async fn log_in(
        &self,
        user: &str,
        company: &str,
        username: &str,
    ) -> Result<LoginEnd, String> {
        let begin = login::begin(user, company, "");
        let begun = self.world.call(&self.connect, &begin).await?;
        let Ok(begun) = Begun::read(&begun) else {
            return Ok(LoginEnd::Refused);
        };
        let back = self
            .world
            .consent(&begun.url, username, Decision::Allow)
            .await;
        let page = self
            .world
            .call(&self.callback, &begun.return_by(&back))
            .await?;
        Ok(match login::account_on_page(&page) {
            Some(_) if page.status == 200 => LoginEnd::Connected,
            _ => LoginEnd::Refused,
        })
    }

    /// A call of the API that looks at one account.
    ///
    /// # Errors
    /// When the function fails as a whole.
    pub(crate) async fn look_at(&self, company: &str, account: &str) -> Result<Reply, String> {
        let call = HttpCall::get(&format!("/instagram/accounts/{account}"))
            .as_user("user", company, "viewer");
        self.world.call(&self.accounts, &call).await
    }

    /// The coverage that a company sees.
    ///
    /// # Errors
    /// When the function fails as a whole, or refuses.
    pub(crate) async fn coverage_of(&self, company: &str) -> Result<Value, String> {
        let call = HttpCall::get("/health/coverage").as_user("user", company, "viewer");
        let worker = self.workers.first().ok_or("there is no worker")?;
        let reply = self.world.call(worker, &call).await?;
        if reply.status != 200 {
            return Err(format!("the coverage cannot be read: {}", reply.text()));
        }
        Ok(reply.json())
    }

    /// Hands over what waits on the queue, to as many workers at once as there are batches. Returns how many messages
    /// that were, repeated ones counted again.
    pub(crate) async fn work(&self) -> usize {
        let queues = self.world.aws.queue_depths();
        let waiting: usize = queues
            .iter()
            .filter(|queue| queue.name == QUEUE)
            .map(|queue| queue.visible)
            .sum();
        let batches = waiting.div_ceil(usize::try_from(BATCH_SIZE).unwrap_or(1));
        let workers = self.workers.iter().take(batches);
        join_all(workers.map(|worker| self.world.drain(worker)))
            .await
            .iter()
            .sum()
    }

    /// Turns the clock, while `posts` takes the posts' queue.
    pub(crate) async fn turn(&self, by: SignedDuration, posts: &Function) {
        let workers = Workers {
            accounts: &self.workers[0],
            events: None,
            receiver: None,
            posts: Some(posts),
        };
        self.world.advance(by, workers).await;
    }

    /// The stored records of a company's accounts.
    ///
    /// # Errors
    /// When the table does not answer.
    pub(crate) async fn accounts_of(&self, company: &str) -> Result<Vec<Account>, String> {
        let app = self.world.app("test");
        let now = self.world.now();
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = app
                .table
                .accounts_of_company(company, &AccountFilter::default(), 100, after, now)
                .await
                .map_err(|error| error.to_string())?;
            all.extend(page.accounts);
            after = page.next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }
}
