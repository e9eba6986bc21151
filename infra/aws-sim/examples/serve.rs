//! `cargo run -p aws-sim --example serve -- [--listen 127.0.0.1:4566] [--state FOLDER] [--seed NUMBER]`: an embedded AWS
//! on the real clock, until it is interrupted.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sim::{AwsSim, Options};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let now = Arc::new(|| {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    });
    let mut options = Options::new(now, 1);
    options.listen = "127.0.0.1:4566".parse()?;
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or("every option has a value")?;
        match name.as_str() {
            "--listen" => options.listen = value.parse()?,
            "--state" => options.state_dir = Some(value.into()),
            "--seed" => options.seed = value.parse()?,
            _ => return Err(format!("unknown option {name}").into()),
        }
    }
    let aws = AwsSim::start(options).await?;
    aws.run_in_real_time();
    std::io::Write::write_all(
        &mut std::io::stdout(),
        format!("{}\n", aws.url()).as_bytes(),
    )?;
    tokio::signal::ctrl_c().await?;
    aws.stop().await;
    Ok(())
}
