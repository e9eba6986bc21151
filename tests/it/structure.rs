//! The rules of the project's structure, each as a test: who may depend on whom, what may stand where, and that the
//! documents say what the sources say.
//!
//! What a lint can hold is held by clippy (`clippy.toml`); here is the rest.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that finds a surprise fails its test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;
use shared::config::VARIABLES;

/// Crates that stand around the functions, and must be in none of them.
const AROUND: &[&str] = &[
    "aws-sim",
    "instagram-sim",
    "world",
    "local",
    "endurance",
    "it",
    "dynoxide-rs",
];

/// A second TLS stack or a second HTTP stack: each costs milliseconds at every cold start.
const SECOND_STACKS: &[&str] = &[
    "aws-lc-rs",
    "aws-lc-sys",
    "aws-lc-fips-sys",
    "aws-smithy-http-client",
    "h2",
    "hyper-tls",
    "native-tls",
    "openssl",
    "openssl-sys",
];

/// Lines of code that a file may have before its tests; more is more than one duty.
const LONGEST_FILE: usize = 400;

/// Texts that look like a secret of the real world and are none.
const KNOWN_TEXTS: &[(&str, &str)] = &[
    (
        "IGAAcanary",
        "tests of the Graph client look for it in logs and errors",
    ),
    (
        "EAAsomebody-elses-real-token",
        "the simulator must refuse it",
    ),
];

struct Source {
    /// From the project's root, with `/`.
    path: String,
    text: String,
}

impl Source {
    /// Without the tests at the end and without comments.
    fn code(&self) -> impl Iterator<Item = &str> {
        let end = self
            .text
            .find("#[cfg(test)]\nmod tests {")
            .unwrap_or(self.text.len());
        let lines = self.text[..end].lines();
        lines.filter(|line| !line.trim_start().starts_with("//") && !line.trim().is_empty())
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether it becomes part of a function on Lambda.
    fn is_production(&self) -> bool {
        let in_crate = self.path.starts_with("shared/src/")
            || self.path.starts_with("functions/") && self.path.contains("/src/");
        self.is_rust() && in_crate && !self.path.contains("/tests/")
    }
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

/// Names that `.gitignore` keeps out of the project, and git's own folder.
fn is_left_out(name: &str) -> bool {
    let ignored = std::fs::read_to_string(root().join(".gitignore")).unwrap();
    name == ".git" || ignored.lines().any(|line| line.trim_matches('/') == name)
}

/// Every text file of the project.
static FILES: LazyLock<Vec<Source>> = LazyLock::new(|| {
    let mut files = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if is_left_out(&entry.file_name().to_string_lossy()) {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if let Ok(text) = std::fs::read_to_string(entry.path()) {
                let path = entry
                    .path()
                    .strip_prefix(root())
                    .unwrap()
                    .to_string_lossy()
                    .into_owned();
                files.push(Source { path, text });
            }
        }
    }
    assert!(files.len() > 100, "only {} files found", files.len());
    files
});

/// Path and code of every file that becomes part of a function, without tests and comments.
pub(crate) fn production_code() -> impl Iterator<Item = (&'static str, String)> {
    let sources = FILES.iter().filter(|source| source.is_production());
    sources.map(|source| {
        let lines: Vec<&str> = source.code().collect();
        (source.path.as_str(), lines.join("\n"))
    })
}

/// Whether a test's file names this text.
pub(crate) fn is_named_by_a_test(text: &str) -> bool {
    let is_test = |file: &&Source| {
        file.is_rust() && !file.is_production() && file.path != "tests/it/contract.rs"
    };
    let text = format!("\"{text}\"");
    FILES
        .iter()
        .filter(is_test)
        .any(|file| file.text.contains(&text))
}

/// The text of a file of the project.
pub(crate) fn file(path: &str) -> &'static str {
    let found = FILES.iter().find(|file| file.path == path);
    &found.unwrap_or_else(|| panic!("{path} is missing")).text
}

/// The functions, by their folders.
pub(crate) fn function_names() -> Vec<String> {
    let names: BTreeSet<String> = FILES
        .iter()
        .filter_map(|file| {
            file.path
                .strip_prefix("functions/")?
                .strip_suffix("/Cargo.toml")
        })
        .map(str::to_owned)
        .collect();
    assert!(names.len() >= 4, "{names:?}");
    names.into_iter().collect()
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()))
        .args(arguments)
        .args(["--offline", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// What each crate of the workspace names in its manifest: the crates that it is built of, and those for its tests.
fn manifests() -> BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version", "1"])).unwrap();
    let names_of = |package: &Value, for_tests: bool| -> BTreeSet<String> {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        dependencies
            .filter(|dependency| (dependency["kind"] == "dev") == for_tests)
            .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
            .collect()
    };
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let name = package["name"].as_str().unwrap().to_owned();
            (name, (names_of(package, false), names_of(package, true)))
        })
        .collect()
}

#[test]
fn no_function_names_what_stands_around_it_or_another_function() {
    let manifests = manifests();
    let functions = function_names();
    for name in functions.iter().chain([&"shared".to_owned()]) {
        let (built_of, _) = &manifests[name];
        for around in AROUND {
            assert!(!built_of.contains(*around), "{name} depends on {around}");
        }
        for other in &functions {
            assert!(!built_of.contains(other), "{name} depends on {other}");
        }
        assert!(
            name == "shared" || built_of.contains("shared"),
            "{name} does without shared"
        );
    }
}

#[test]
fn the_simulated_instagram_and_the_embedded_aws_know_nothing_of_ours() {
    let manifests = manifests();
    for simulator in ["instagram-sim", "aws-sim"] {
        let (built_of, for_tests) = &manifests[simulator];
        for ours in manifests.keys() {
            assert!(!built_of.contains(ours), "{simulator} depends on {ours}");
            assert!(
                !for_tests.contains(ours),
                "{simulator} is tested with {ours}"
            );
        }
    }
}

/// With all their transitive dependencies and the features that a release build of the function alone has.
#[test]
fn a_function_holds_no_simulator_one_tls_stack_and_one_http_stack() {
    for function in function_names() {
        let tree = cargo(&[
            "tree", "-e", "normal", "-p", &function, "--prefix", "none", "-f", "{p}",
        ]);
        let crates: BTreeSet<(&str, &str)> = tree
            .lines()
            .filter_map(|line| {
                let mut words = line.split(' ');
                Some((words.next()?, words.next()?))
            })
            .collect();
        let versions = |name: &str| -> Vec<&str> {
            let of_name = crates.iter().filter(|(found, _)| *found == name);
            of_name.map(|(_, version)| *version).collect()
        };
        for unwanted in AROUND.iter().chain(SECOND_STACKS) {
            assert!(versions(unwanted).is_empty(), "{function} holds {unwanted}");
        }
        for one in ["hyper", "http", "rustls", "ring", "tokio", "shared"] {
            assert_eq!(
                versions(one).len(),
                1,
                "{function} holds {one} {:?}",
                versions(one)
            );
        }
        assert!(
            versions("hyper")[0].starts_with("v1."),
            "{function}: {:?}",
            versions("hyper")
        );
    }
}

#[test]
fn a_plain_build_makes_the_functions_and_a_panic_of_theirs_is_reported() {
    let manifest = file("Cargo.toml");
    let members = manifest
        .split("default-members = [")
        .nth(1)
        .unwrap()
        .split(']')
        .next()
        .unwrap();
    let members: BTreeSet<&str> = members.split('"').skip(1).step_by(2).collect();
    let functions = function_names();
    let folders: BTreeSet<String> = functions
        .iter()
        .map(|name| format!("functions/{name}"))
        .collect();
    assert_eq!(members, folders.iter().map(String::as_str).collect());
    let release = manifest.split("[profile.release]").nth(1).unwrap();
    for line in [
        "panic = \"unwind\"",
        "lto = \"fat\"",
        "codegen-units = 1",
        "strip = true",
    ] {
        assert!(release.contains(line), "[profile.release] lacks {line}");
    }
}

#[test]
fn a_function_is_a_library_with_a_thin_main() {
    for function in function_names() {
        let main = file(&format!("functions/{function}/src/main.rs"));
        assert!(
            main.lines().count() <= 15,
            "{function}: {} lines",
            main.lines().count()
        );
        assert!(
            main.contains(&format!("{function}::")),
            "{function}: main.rs does not use lib.rs"
        );
        file(&format!("functions/{function}/src/lib.rs"));
    }
}

/// A text that may stand in production code in the named files only.
fn assert_only_in(text: &str, allowed: &[&str]) {
    for source in FILES.iter().filter(|source| source.is_production()) {
        let is_allowed = allowed.iter().any(|path| {
            source.path == *path || path.ends_with('/') && source.path.starts_with(path)
        });
        for line in source.code() {
            assert!(
                is_allowed || !line.contains(text),
                "{}: {line}",
                source.path
            );
        }
    }
    for path in allowed {
        let uses_it = FILES
            .iter()
            .filter(|source| source.path.starts_with(path))
            .any(|source| source.code().any(|line| line.contains(text)));
        assert!(uses_it, "{path} is allowed to hold `{text}`, and does not");
    }
}

#[test]
fn metas_hosts_stand_in_the_configuration_only() {
    for host in [
        "www.instagram.com",
        "api.instagram.com",
        "graph.instagram.com",
    ] {
        assert_only_in(host, &["shared/src/config/variables.rs"]);
    }
    for host in [
        "facebook.com",
        "fbcdn.net",
        "cdninstagram.com",
        "threads.net",
    ] {
        assert_only_in(host, &[]);
    }
}

#[test]
fn a_key_is_formatted_in_one_file() {
    for start in [
        "ACCOUNT#",
        "IG#",
        "STATE#",
        "COMPANY#",
        "CONNECTED#",
        "VAULT#",
        "IDEMPOTENCY#",
        "ANNOUNCEMENTS#",
        "ANSWERS#",
        "DELETION#",
        "DELETIONS\"",
        "PIECES#",
        "WAITING#",
    ] {
        assert_only_in(&format!("\"{start}"), &["shared/src/table/keys.rs"]);
    }
}

#[test]
fn a_secret_is_exposed_where_it_is_sent_signed_or_stored_and_nowhere_else() {
    let places = [
        "shared/src/graph/login.rs",
        "shared/src/graph/proof.rs",
        "shared/src/graph/transport.rs",
        "shared/src/http/cursor.rs",
        "shared/src/secret.rs",
        "shared/src/signed_request.rs",
        "shared/src/table/deletions.rs",
        "shared/src/vault/page.rs",
        "shared/src/webhooks/signature.rs",
    ];
    assert_only_in(".expose()", &places);
}

/// clippy holds time, environment and HTTP clients to their modules; only these may switch it off.
#[test]
fn a_ban_is_lifted_in_its_own_module_only() {
    let modules = [
        "functions/publish/src/preflight/crawl.rs",
        "shared/src/clock.rs",
        "shared/src/config/mod.rs",
        "shared/src/outgoing.rs",
    ];
    assert_only_in("clippy::disallowed", &modules);
    let bans = file("clippy.toml");
    for banned in [
        "std::env::var",
        "std::time::SystemTime::now",
        "jiff::Timestamp::now",
        "reqwest::Client::new",
        "tokio::spawn",
    ] {
        assert!(
            bans.contains(&format!("\"{banned}\"")),
            "clippy.toml lacks {banned}"
        );
    }
}

#[test]
fn a_function_prints_nothing_and_leaves_nothing_behind_its_answer() {
    for text in [
        "println!",
        "print!(",
        "dbg!(",
        "spawn(",
        "std::thread",
        "process::exit",
    ] {
        assert_only_in(text, &[]);
    }
}

/// Which origins may read an answer is API Gateway's setting.
#[test]
fn no_function_answers_for_other_origins() {
    for text in ["access-control-", "ACCESS_CONTROL_", "tower_http"] {
        assert_only_in(text, &[]);
    }
}

#[test]
fn nothing_is_left_for_later_without_an_issue() {
    let marks = [
        ["TO", "DO"],
        ["FIX", "ME"],
        ["XX", "X"],
        ["todo", "!("],
        ["unimplemented", "!("],
        ["#[ign", "ore"],
    ];
    // A test may be left to a longer command for the time that it takes, and for nothing else.
    let long = ["#[ign", "ore = \"takes "].concat();
    for source in FILES.iter().filter(|source| source.path != "Cargo.lock") {
        let text = source.text.replace(&long, "");
        for mark in &marks {
            let mark = mark.concat();
            assert!(!text.contains(&mark), "{} holds {mark}", source.path);
        }
    }
}

#[test]
fn a_file_has_one_duty() {
    for source in FILES
        .iter()
        .filter(|source| source.is_rust() && !source.path.contains("/tests/"))
    {
        if source.path.starts_with("tests/") {
            continue;
        }
        let lines = source.code().count();
        assert!(
            lines <= LONGEST_FILE,
            "{} has {lines} lines of code",
            source.path
        );
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_' && letter != '-')
}

/// Why a word looks like a secret of the real world.
fn suspicion(word: &str) -> Option<&'static str> {
    let is_hex = |word: &str| {
        word.bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| word.starts_with(prefix));
    if starts(&["IGAA", "IGQV", "EAA"]) && word.len() >= 20 {
        return Some("a token of Meta's");
    }
    if starts(&["AKIA", "ASIA"]) && word.len() == 20 {
        return Some("an access key of AWS");
    }
    let has_both =
        word.contains(|c: char| c.is_ascii_digit()) && word.contains(|c: char| c.is_alphabetic());
    (word.len() == 32 && is_hex(word) && has_both).then_some("an app secret of Meta's")
}

#[test]
fn no_secret_of_the_real_world_is_in_the_project() {
    for (word, is_one) in [
        (format!("IGAA{}", "x1".repeat(40)), true),
        (format!("EAA{}", "x1".repeat(40)), true),
        (format!("AKIA{}", "A1".repeat(8)), true),
        ("0a".repeat(16), true),
        ("0a".repeat(32), false),
        ("0".repeat(32), false),
    ] {
        assert_eq!(suspicion(&word).is_some(), is_one, "{word}");
    }
    let known = |word: &str| KNOWN_TEXTS.iter().any(|(known, _)| word.starts_with(known));
    for source in FILES.iter() {
        // SQS sends the MD5 of each message, which has the form of an app secret.
        for line in source.text.lines().filter(|line| !line.contains("md5")) {
            for word in words(line).filter(|word| !known(word)) {
                let what = suspicion(word);
                assert_eq!(
                    what,
                    None,
                    "{}: {}…",
                    source.path,
                    &word[..8.min(word.len())]
                );
            }
        }
    }
    for (text, why) in KNOWN_TEXTS {
        let elsewhere = FILES
            .iter()
            .filter(|source| source.path != "tests/it/structure.rs");
        assert!(
            elsewhere
                .into_iter()
                .any(|source| source.text.contains(text)),
            "{text} stands nowhere any more ({why})"
        );
    }
}

#[test]
fn nothing_is_bound_to_a_forge() {
    let forges = [".github", ".gitlab", ".gitlab-ci.yml", ".circleci"];
    for source in FILES.iter() {
        let first = source.path.split('/').next().unwrap();
        assert!(!forges.contains(&first), "{}", source.path);
    }
}

/// A row of the README's table of configuration.
fn configuration_row(variable: &shared::config::Variable) -> String {
    let default = match variable.default {
        None => "must be set".to_owned(),
        Some("") => "empty".to_owned(),
        // Spaces after commas let a long list wrap.
        Some(text) => format!("`{}`", text.replace(',', "`, `")),
    };
    format!("| `{}` | {default} | {} |", variable.name, variable.purpose)
}

#[test]
fn the_readme_lists_exactly_the_variables_that_are_read() {
    let expected: Vec<String> = VARIABLES.iter().map(configuration_row).collect();
    let listed: Vec<&str> = file("README.md")
        .lines()
        .skip_while(|line| *line != "| variable | default | what it is for |")
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    assert_eq!(
        listed,
        expected,
        "the table should read:\n{}",
        expected.join("\n")
    );
}

#[test]
fn the_readme_maps_every_folder() {
    let folders: BTreeSet<&str> = FILES
        .iter()
        .filter_map(|source| source.path.split_once('/'))
        .map(|(folder, _)| folder)
        .collect();
    for folder in folders {
        let row = format!("| `{folder}/` |");
        assert!(
            file("README.md").contains(&row),
            "README.md has no row `{row}`"
        );
    }
    for name in function_names() {
        for document in ["README.md", "docs/architecture.md"] {
            assert!(
                file(document).contains(&format!("`functions/{name}`")),
                "{document}: {name}"
            );
        }
    }
}

/// Links of the documents that lead to a file of the project.
#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut followed = 0;
    for source in FILES.iter().filter(|source| source.path.ends_with(".md")) {
        let folder = root().join(&source.path);
        for link in source.text.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let path = folder.parent().unwrap().join(target);
            assert!(path.exists(), "{} links to {target}", source.path);
            followed += 1;
        }
    }
    assert!(followed >= 4, "only {followed} links found");
}

/// Documents name tests as `crate::module::test`; each must be a function with `#[test]` in that module.
#[test]
fn every_test_that_a_document_names_exists() {
    let (mut named, mut missing) = (0, Vec::new());
    let documents = [
        file("docs/failures.md"),
        file("docs/architecture.md"),
        file("docs/security.md"),
    ];
    let quoted = documents
        .iter()
        .flat_map(|text| text.split('`').skip(1).step_by(2));
    for text in quoted {
        let parts: Vec<&str> = text.split("::").collect();
        let [name, modules @ .., test] = parts.as_slice() else {
            continue;
        };
        if modules.is_empty() {
            continue;
        }
        let folder = match *name {
            "it" => "tests/it/".to_owned(),
            "shared" => "shared/".to_owned(),
            simulator @ ("aws_sim" | "instagram_sim" | "world" | "local") => {
                format!("infra/{}/", simulator.replace('_', "-"))
            }
            function => format!("functions/{function}/"),
        };
        let declaration = format!("fn {test}(");
        let exists = FILES
            .iter()
            .filter(|source| source.is_rust() && source.path.starts_with(&folder))
            .filter(|source| is_in_modules(&source.path, modules))
            .any(|source| is_test(&source.text, &declaration));
        if !exists {
            missing.push(text);
        }
        named += 1;
    }
    assert_eq!(
        missing,
        Vec::<&str>::new(),
        "named by a document, and no test"
    );
    assert!(named >= 20, "only {named} tests are named");
}

/// Whether a file is the module that is named; tests at a file's end are its module `tests`.
fn is_in_modules(path: &str, modules: &[&str]) -> bool {
    let parts: Vec<&str> = path.trim_end_matches(".rs").split('/').collect();
    let last = modules.len() - usize::from(modules.len() > 1 && modules.last() == Some(&"tests"));
    modules[..last].iter().all(|module| parts.contains(module))
}

/// Whether the function with this declaration has a test attribute on one of the lines right above it. Inside of
/// `proptest!` the attribute stands there as well.
fn is_test(text: &str, declaration: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().enumerate().any(|(number, line)| {
        let line = line.trim_start();
        let is_declared =
            line.starts_with(declaration) || line.starts_with(&format!("async {declaration}"));
        is_declared
            && lines[number.saturating_sub(3)..number]
                .iter()
                .any(|above| above.contains("#[test]") || above.contains("#[tokio::test"))
    })
}
