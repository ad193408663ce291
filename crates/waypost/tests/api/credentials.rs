//! Who we are: options, variables, files, and a login that is kept.

use super::fake::{Fake, ok, problem};
use super::{Home, end, run};
use serde_json::json;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

fn status(home: &Home, fake: &Fake, more: &[&str], environment: &[(&str, &str)]) -> (i32, String) {
    let mut command = home.command(&["status", "--api", &fake.url]);
    command.args(more).envs(environment.iter().copied());
    let (code, _, error) = end(&command.output().unwrap());
    (code, error)
}

fn login(home: &Home, fake: &Fake, password: &str) -> (i32, String, String) {
    let mut command = home.command(&["login", "--api", &fake.url, "--user", "ann"]);
    end(&command.env("WAYPOST_PASSWORD", password).output().unwrap())
}

fn stored(home: &Home) -> PathBuf {
    home.0.join("waypost").join("token")
}

#[test]
fn nobody_is_told_to_log_in() {
    let fake = Fake::broker();
    let (code, error) = status(&Home::new(), &fake, &[], &[]);
    assert_eq!(code, 1);
    assert!(
        error.contains("waypost login") && error.contains(&fake.url),
        "{error}"
    );
    assert_eq!(fake.last().authorization, None);
}

#[test]
fn options_go_before_variables() {
    let (home, fake) = (Home::new(), Fake::broker());
    let file = home.file("token.txt", "operator\nnot this\n");
    let bad = ("WAYPOST_TOKEN", "bad");
    let password = ("WAYPOST_PASSWORD", "secret");
    let basic = "Basic YW5uOnNlY3JldA==";
    for (options, environment, sent) in [
        (&["--token", "operator"][..], &[bad][..], "Bearer operator"),
        (&["--token-file", &file], &[bad], "Bearer operator"),
        (&["--user", "ann"], &[bad, password], basic),
        (
            &["--user", "ann", "--password", "secret"],
            &[("WAYPOST_PASSWORD", "x")],
            basic,
        ),
        (
            &[],
            &[("WAYPOST_TOKEN", "viewer"), ("WAYPOST_USER", "ann")],
            "Bearer viewer",
        ),
        (&[], &[("WAYPOST_USER", "ann"), password], basic),
    ] {
        assert_eq!(
            status(&home, &fake, options, environment),
            (0, String::new())
        );
        assert_eq!(fake.last().authorization.as_deref(), Some(sent));
    }
    let at = ("WAYPOST_API", fake.url.as_str());
    let mut command = home.command(&["status", "--token", "viewer"]);
    assert_eq!(end(&command.envs([at]).output().unwrap()).0, 0);
}

#[test]
fn a_password_is_not_waited_for_where_nobody_can_type() {
    let (home, fake) = (Home::new(), Fake::broker());
    for (command, missing) in [
        ("status", "WAYPOST_PASSWORD"),
        ("login", "WAYPOST_PASSWORD"),
    ] {
        let mut command = home.command(&[command, "--api", &fake.url, "--user", "ann"]);
        let (code, _, error) = end(&command.output().unwrap());
        assert_eq!((code, error.contains(missing)), (64, true), "{error}");
    }
    let (code, _, error) = end(&home.command(&["login"]).output().unwrap());
    assert_eq!((code, error.contains("--user")), (64, true), "{error}");
}

#[test]
fn a_login_is_kept_used_and_ended() {
    let (home, fake, other) = (Home::new(), Fake::broker(), Fake::broker());
    let (code, out, _) = login(&home, &fake, "secret");
    assert_eq!(code, 0);
    let until = "until 2999-01-01 00:00:00 UTC";
    assert_eq!(
        out,
        format!("ann (operator) is logged in at {}, {until}\n", fake.url)
    );
    let mode = std::fs::metadata(stored(&home)).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
    let kept = std::fs::read_to_string(stored(&home)).unwrap();
    assert!(!kept.contains("secret"), "{kept}");

    assert_eq!(status(&home, &fake, &[], &[]).0, 0);
    assert_eq!(
        fake.last().authorization.as_deref(),
        Some("Bearer operator")
    );
    assert_eq!(status(&home, &other, &[], &[]).0, 1);
    assert_eq!(
        other.last().authorization,
        None,
        "it is for the API that gave it"
    );

    let mut logout = home.command(&["logout", "--api", &fake.url]);
    assert_eq!(end(&logout.output().unwrap()).0, 0);
    assert!(fake.last().is("POST", "/api/v1/logout"));
    assert_eq!(
        fake.last().authorization.as_deref(),
        Some("Bearer operator")
    );
    assert!(status(&home, &fake, &[], &[]).1.contains("waypost login"));
    let mut logout = home.command(&["logout", "--api", &fake.url]);
    assert_eq!(
        end(&logout.output().unwrap()).0,
        1,
        "there is none any more"
    );
}

#[test]
fn a_wrong_password_is_not_kept() {
    let (home, fake) = (Home::new(), Fake::broker());
    let (code, out, error) = login(&home, &fake, "wrong");
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(error.contains("user and password"), "{error}");
    assert!(!stored(&home).exists());
    let (code, error) = status(&home, &fake, &["--user", "ann", "--password", "wrong"], &[]);
    assert_eq!(code, 1);
    assert!(
        error.contains("this user and password: wrong") || error.contains("no valid token"),
        "{error}"
    );
}

#[test]
fn a_login_that_is_over_is_said_so() {
    let expired = Fake::answering(|request| match request.method.as_str() {
        "POST" => {
            ok(&json!({"token": "t", "role": "viewer", "expires_at": "2020-01-01T00:00:00Z"}))
        }
        _ => ok(&json!({})),
    });
    let home = Home::new();
    assert_eq!(login(&home, &expired, "secret").0, 0);
    let (code, error) = status(&home, &expired, &[], &[]);
    assert!(
        code == 1 && error.contains("expired") && error.contains("waypost login"),
        "{error}"
    );
    assert_eq!(expired.requests().len(), 1, "it is not even tried");

    // The broker has forgotten it: restarted, for example.
    let forgetful = Fake::answering(|request| match request.method.as_str() {
        "POST" => {
            ok(&json!({"token": "t", "role": "viewer", "expires_at": "2999-01-01T00:00:00Z"}))
        }
        _ => problem(401, "Unauthorized", "unknown token"),
    });
    assert_eq!(login(&home, &forgetful, "secret").0, 0);
    let (code, error) = status(&home, &forgetful, &[], &[]);
    assert_eq!(code, 1);
    assert!(
        error.contains("stored login") && error.contains("waypost login"),
        "{error}"
    );
}

#[test]
fn too_few_rights_are_explained() {
    let (home, fake) = (Home::new(), Fake::broker());
    let mut kick = home.command(&["kick", "sensor-7", "--api", &fake.url, "--token", "viewer"]);
    let (code, _, error) = end(&kick.output().unwrap());
    assert_eq!(code, 1);
    assert!(
        error.contains("viewers only read") && error.contains("operators"),
        "{error}"
    );
    run(&fake, &["kick", "sensor-7"]);
}
