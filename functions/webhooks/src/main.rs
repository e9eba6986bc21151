//! The function `webhooks` on Lambda.

use shared::lambda::{Error, Function, run};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(|app| {
        Function::new(app)
            .with_routes(webhooks::all_routes())
            .with_tasks(webhooks::handle)
    })
    .await
}
