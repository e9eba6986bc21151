//! The function `insights` on Lambda.

use shared::lambda::{Error, Function, run};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(|app| Function::new(app).with_routes(insights::routes())).await
}
