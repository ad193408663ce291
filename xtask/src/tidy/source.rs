//! The tree as rules see it: the files git would track, parsed once. Read-only after loading.

use crate::process::{Outcome, failed};
use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use std::fs;
use std::path::Path;
use std::process::Command;
use syn::visit::{self, Visit};

/// The files of a repository.
pub(super) struct Tree {
    pub(super) files: Vec<Source>,
}

/// One text file; the path is relative to the root, with `/`.
pub(super) struct Source {
    pub(super) path: String,
    pub(super) text: String,
    /// Present for `.rs` files.
    pub(super) rust: Option<Rust>,
}

/// A parsed Rust file.
pub(super) struct Rust {
    /// The syntax tree, or the line and text of the error.
    pub(super) syntax: Result<syn::File, (usize, String)>,
    /// All tokens in order; comments of every kind are gone.
    pub(super) tokens: Vec<Token>,
    /// The whole file is test code: in a `tests/` folder, or a module under `#[cfg(test)]`.
    pub(super) all_tests: bool,
    /// First and last line of each item that is test code.
    tests: Vec<(usize, usize)>,
}

/// One token, flattened out of its groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
    pub(super) kind: Kind,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Mark,
    Literal,
    Bracket,
}

impl Tree {
    /// Loads what git tracks or would track below `root`. Files that are not text are left out.
    pub(super) fn load(root: &Path) -> Outcome<Self> {
        let listed = Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(root)
            .output();
        let listed = match listed {
            Ok(out) if out.status.success() => String::from_utf8_lossy(&out.stdout).into_owned(),
            Ok(out) => return failed(String::from_utf8_lossy(&out.stderr).into_owned()),
            Err(e) => return failed(format!("cannot run git: {e}")),
        };
        let mut files: Vec<Source> = listed
            .split('\0')
            .filter(|path| !path.is_empty())
            .filter_map(|path| Some(Source::new(path, fs::read_to_string(root.join(path)).ok()?)))
            .collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        mark_test_modules(&mut files);
        Ok(Tree { files })
    }

    /// Every Rust file.
    pub(super) fn rust(&self) -> impl Iterator<Item = (&Source, &Rust)> {
        self.files
            .iter()
            .filter_map(|f| Some((f, f.rust.as_ref()?)))
    }

    /// The file at `path`.
    pub(super) fn file(&self, path: &str) -> Option<&Source> {
        self.files.iter().find(|file| file.path == path)
    }
}

impl Source {
    fn new(path: &str, text: String) -> Self {
        let rust = path.ends_with(".rs").then(|| Rust::new(path, &text));
        Source {
            path: path.to_string(),
            text,
            rust,
        }
    }

    /// True for a file in a folder of tests, whatever its language.
    pub(super) fn in_test_folder(&self) -> bool {
        in_test_folder(&self.path)
    }

    /// The ending of the file's name, without the dot.
    pub(super) fn ending(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        name.rsplit_once('.').map_or("", |(_, ending)| ending)
    }

    /// The file's name without its folder and ending.
    pub(super) fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        name.rsplit_once('.').map_or(name, |(stem, _)| stem)
    }
}

fn in_test_folder(path: &str) -> bool {
    let mut folders = path.split('/').rev().skip(1);
    folders.any(|folder| folder == "tests" || folder == "benches")
}

impl Rust {
    fn new(path: &str, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut tokens = Vec::new();
        if let Ok(stream) = text.parse::<TokenStream>() {
            flatten(stream, &mut tokens);
        }
        let syntax = syn::parse_file(text).map_err(|e| (line(e.span()), e.to_string()));
        let mut finder = TestItems(Vec::new());
        if let Ok(file) = &syntax {
            finder.visit_file(file);
        }
        Rust {
            syntax,
            tokens,
            all_tests: in_test_folder(path),
            tests: finder.0,
        }
    }

    /// True where `line` is in test code.
    pub(super) fn is_test(&self, line: usize) -> bool {
        self.all_tests
            || self
                .tests
                .iter()
                .any(|(first, last)| (*first..=*last).contains(&line))
    }

    /// The tokens outside test code.
    pub(super) fn shipped_tokens(&self) -> impl Iterator<Item = &Token> {
        self.tokens.iter().filter(|token| !self.is_test(token.line))
    }
}

/// The line that a span begins on.
pub(super) fn line(span: Span) -> usize {
    span.start().line
}

fn flatten(stream: TokenStream, out: &mut Vec<Token>) {
    let mut trees = stream.into_iter().peekable();
    while let Some(tree) = trees.next() {
        match tree {
            TokenTree::Ident(word) => push(out, word.to_string(), word.span(), Kind::Word),
            TokenTree::Literal(lit) => push(out, lit.to_string(), lit.span(), Kind::Literal),
            TokenTree::Punct(mark) => {
                // A doc comment arrives as `#[doc = "..."]` or `#![doc = "..."]`.
                if mark.as_char() == '#' {
                    let bang =
                        matches!(trees.peek(), Some(TokenTree::Punct(p)) if p.as_char() == '!');
                    let bang = if bang { trees.next() } else { None };
                    if trees.peek().is_some_and(is_doc) {
                        trees.next();
                        continue;
                    }
                    push(out, "#".into(), mark.span(), Kind::Mark);
                    if let Some(TokenTree::Punct(bang)) = bang {
                        push(out, "!".into(), bang.span(), Kind::Mark);
                    }
                } else {
                    push(out, mark.as_char().to_string(), mark.span(), Kind::Mark);
                }
            }
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                push(out, open.into(), group.span_open(), Kind::Bracket);
                flatten(group.stream(), out);
                push(out, close.into(), group.span_close(), Kind::Bracket);
            }
        }
    }
}

fn push(out: &mut Vec<Token>, text: String, span: Span, kind: Kind) {
    out.push(Token {
        text,
        line: line(span),
        kind,
    });
}

fn is_doc(tree: &TokenTree) -> bool {
    let TokenTree::Group(group) = tree else {
        return false;
    };
    let first = group.stream().into_iter().next();
    matches!(first, Some(TokenTree::Ident(word)) if word == "doc")
}

/// True for `#[test]` and for `#[cfg(test)]` and its like.
pub(super) fn marks_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        if attribute.path().is_ident("test") {
            return true;
        }
        let syn::Meta::List(list) = &attribute.meta else {
            return false;
        };
        let words = list.tokens.to_string();
        let has = |word| {
            words
                .split(|c: char| !c.is_alphanumeric())
                .any(|w| w == word)
        };
        attribute.path().is_ident("cfg") && has("test") && !has("not")
    })
}

/// Collects the lines of items that are test code.
struct TestItems(Vec<(usize, usize)>);

impl TestItems {
    fn note(&mut self, attributes: &[syn::Attribute], first: Span, last: Span) -> bool {
        let test = marks_test(attributes);
        if test {
            let first = attributes
                .iter()
                .map(|a| line(a.pound_token.span))
                .min()
                .unwrap_or(line(first));
            self.0.push((first, last.end().line));
        }
        test
    }
}

impl<'ast> Visit<'ast> for TestItems {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let last = match &item.content {
            Some((brace, _)) => brace.span.close(),
            None => item.ident.span(),
        };
        if !self.note(&item.attrs, item.mod_token.span, last) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        let last = item.block.brace_token.span.close();
        self.note(&item.attrs, item.sig.fn_token.span, last);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if !self.note(
            &item.attrs,
            item.impl_token.span,
            item.brace_token.span.close(),
        ) {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        let last = item.block.brace_token.span.close();
        self.note(&item.attrs, item.sig.fn_token.span, last);
    }
}

/// Marks the files of modules that are declared `#[cfg(test)] mod NAME;`, with all below them.
fn mark_test_modules(files: &mut [Source]) {
    let mut prefixes = Vec::new();
    for file in files.iter() {
        let Some(Rust {
            syntax: Ok(syntax), ..
        }) = &file.rust
        else {
            continue;
        };
        let (folder, _) = file.path.rsplit_once('/').unwrap_or(("", ""));
        let folder = match file.stem() {
            "mod" | "lib" | "main" => folder.to_string(),
            stem => format!("{folder}/{stem}"),
        };
        for item in &syntax.items {
            if let syn::Item::Mod(module) = item
                && module.content.is_none()
                && marks_test(&module.attrs)
            {
                prefixes.push(format!("{folder}/{}", module.ident));
            }
        }
    }
    for file in files {
        let Some(rust) = &mut file.rust else { continue };
        rust.all_tests |= prefixes.iter().any(|prefix| {
            let rest = file.path.strip_prefix(prefix.as_str());
            rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        });
    }
}
