//! The command line: what it takes, and the codes of wrong usage. Nothing here opens a connection.

use super::*;

fn usage_of(words: &[&str]) -> u8 {
    let line = match parse(words) {
        Ok(line) => line,
        Err(e) => return if e.use_stderr() { USAGE } else { 0 },
    };
    let result = match line.command {
        Command::Pub(options) => commands::publish::run(&options),
        Command::Sub(options) => commands::subscribe::run(*options),
        Command::Passwd(options) => commands::passwd::run(&options),
        _ => Ok(()),
    };
    result.map_or_else(|failure| failure.code, |()| 0)
}

#[test]
fn the_command_line_is_consistent() {
    use clap::CommandFactory;
    CommandLine::command().debug_assert();
}

#[test]
fn every_command_has_help_with_an_example() {
    use clap::CommandFactory;
    fn look(command: &clap::Command) {
        let help = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        assert!(
            help.contains("Example"),
            "{} has no example",
            command.get_name()
        );
        assert!(
            command.get_about().is_some(),
            "{} does not say what it is",
            command.get_name()
        );
        command.get_subcommands().for_each(look);
    }
    look(&CommandLine::command());
    for words in [
        &["waypost", "pub", "--help"][..],
        &["waypost", "sub", "--help"],
        &["waypost", "--version"],
    ] {
        assert_eq!(usage_of(words), 0, "{words:?}");
    }
}

#[test]
fn wrong_usage_is_64() {
    for words in [
        &["waypost"][..],
        &["waypost", "dance"],
        &["waypost", "pub"],
        &["waypost", "pub", "-t", "a"],
        &["waypost", "pub", "-t", "a/#", "-m", "x"],
        &["waypost", "pub", "-t", "a", "-m", "x", "-n"],
        &["waypost", "pub", "-t", "a", "-m", "x", "-q", "3"],
        &["waypost", "pub", "-t", "a", "-m", "x", "-V", "4"],
        &[
            "waypost", "pub", "-t", "a", "-m", "x", "-D", "publish", "colour", "red",
        ],
        &[
            "waypost", "pub", "-t", "a", "-m", "x", "-V", "311", "-x", "5",
        ],
        &["waypost", "pub", "-t", "a", "-m", "x", "-c"],
        &["waypost", "pub", "-t", "a", "-m", "x", "-L", "amqp://h"],
        &["waypost", "pub", "-t", "a", "-m", "x", "--cert", "f"],
        &["waypost", "pub", "-t", "a", "-m", "x", "--key", "f"],
        &[
            "waypost",
            "pub",
            "-t",
            "a",
            "-m",
            "x",
            "--tls-version",
            "tlsv1.1",
        ],
        &["waypost", "pub", "-t", "a", "-m", "x", "--tls-alpn", ""],
        &[
            "waypost", "pub", "-t", "a", "-m", "x", "-L", "mqtt://h", "--cafile", "f",
        ],
        &[
            "waypost",
            "pub",
            "-t",
            "a",
            "-m",
            "x",
            "-L",
            "ws://h",
            "--insecure",
        ],
        &[
            "waypost", "pub", "-t", "a", "-m", "x", "--unix", "/s", "--cafile", "f",
        ],
        &[
            "waypost", "pub", "-t", "a", "-m", "x", "--unix", "/s", "-h", "h",
        ],
        &[
            "waypost",
            "pub",
            "-t",
            "a",
            "-m",
            "x",
            "--unix",
            "/s",
            "-A",
            "127.0.0.1",
        ],
        &[
            "waypost",
            "pub",
            "-t",
            "a",
            "-m",
            "x",
            "--proxy",
            "socks5h://h:1080",
        ],
        &["waypost", "pub", "-t", "a", "-m", "x", "--psk", "00"],
        &["waypost", "sub"],
        &["waypost", "sub", "-t", "a#"],
        &["waypost", "sub", "-t", "a", "-F", "%"],
        &["waypost", "sub", "-t", "a", "--no-local"],
        &["waypost", "sub", "-t", "a", "-L", "wss://h/#"],
        &["waypost", "passwd", "/nonexistent/users", "a:b"],
    ] {
        assert_eq!(usage_of(words), USAGE, "{words:?}");
    }
}

#[test]
fn options_may_begin_with_a_hyphen_where_they_are_data() {
    let words = [
        "waypost",
        "pub",
        "-t",
        "a",
        "-m",
        "-5",
        "-D",
        "publish",
        "user-property",
        "-k",
        "-v",
    ];
    assert!(parse(&words).is_ok());
    let words = [
        "waypost", "sub", "-t", "a", "-i", "me", "-c", "-x", "-1", "-h", "host",
    ];
    assert!(parse(&words).is_ok());
}
