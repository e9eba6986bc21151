//! The program that a newcomer starts.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::folder;

fn local() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    command.env_clear();
    command
}

#[test]
fn help_and_wrong_flags_have_their_exit_codes() {
    let help = local().arg("--help").output().unwrap();
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&help.stdout).contains("--api-port"));
    let wrong = local().arg("--prot").output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    let error = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(
        error.starts_with("error: `--prot` is not known here"),
        "{error}"
    );
    let real = local().args(["--instagram", "real"]).output().unwrap();
    assert_eq!(real.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&real.stderr).contains("INSTAGRAM_APP_ID"));
}

#[test]
fn the_demo_ends_well() {
    let demo = local().arg("demo").output().unwrap();
    let said = String::from_utf8_lossy(&demo.stdout).into_owned();
    let error = String::from_utf8_lossy(&demo.stderr).into_owned();
    assert_eq!(demo.status.code(), Some(0), "{said}{error}");
    assert!(
        said.ends_with("All of it was answered as expected.\n"),
        "{said}"
    );
}

#[cfg(unix)]
#[test]
fn it_says_ready_on_a_line_of_its_own_and_stops_when_asked() {
    let mut child = local()
        .args([
            "--api-port=0",
            "--webhook-port=0",
            "--instagram-port=0",
            "--state",
        ])
        .arg(folder())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said: Vec<String> = lines
        .by_ref()
        .map(Result::unwrap)
        .take_while(|line| line != "ready")
        .collect();
    assert!(
        said[0].starts_with("Start page and API   http://127.0.0.1:"),
        "{said:?}"
    );
    assert!(
        said.iter()
            .any(|line| line.starts_with("Simulated Instagram  http://127.0.0.1:")),
        "{said:?}"
    );
    let stopped = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(stopped.success());
    assert!(child.wait().unwrap().success());
}
