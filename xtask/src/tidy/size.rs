//! How long files and functions may be. Test code does not count.

use super::Finding;
use super::source::{Source, Tree, line, marks_test};
use syn::visit::{self, Visit};

const MAX_FILE_LINES: usize = 500;
const MAX_FUNCTION_LINES: usize = 70;

/// Endings of files that hold code.
const CODE: [&str; 9] = ["rs", "py", "sh", "js", "mjs", "ts", "tsx", "svelte", "css"];

/// No file of code has more than 500 lines outside tests.
pub(super) fn files(tree: &Tree) -> Vec<Finding> {
    let long = |file: &Source| {
        let lines = shipped_lines(file);
        (lines > MAX_FILE_LINES).then(|| {
            let advice = format!(
                "{lines} lines, {MAX_FILE_LINES} are allowed: split it by concept, one file for each"
            );
            Finding::new(&file.path, MAX_FILE_LINES + 1, advice)
        })
    };
    tree.files
        .iter()
        .filter(|file| CODE.contains(&file.ending()))
        .filter_map(long)
        .collect()
}

fn shipped_lines(file: &Source) -> usize {
    if file.in_test_folder() {
        return 0;
    }
    let is_test = |line: usize| file.rust.as_ref().is_some_and(|rust| rust.is_test(line));
    let lines = file.text.lines().count();
    (1..=lines).filter(|line| !is_test(*line)).count()
}

/// No function has more than 70 lines, from `fn` to its closing brace, outside tests.
pub(super) fn functions(tree: &Tree) -> Vec<Finding> {
    let mut all = Vec::new();
    for (file, rust) in tree.rust() {
        if let (Ok(syntax), false) = (&rust.syntax, rust.all_tests) {
            let mut longest = Longest {
                path: &file.path,
                findings: &mut all,
            };
            longest.visit_file(syntax);
        }
    }
    all
}

struct Longest<'a> {
    path: &'a str,
    findings: &'a mut Vec<Finding>,
}

impl Longest<'_> {
    fn measure(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let first = line(signature.fn_token.span);
        let lines = block.brace_token.span.close().end().line + 1 - first;
        if lines > MAX_FUNCTION_LINES {
            let name = &signature.ident;
            let advice = format!(
                "`{name}` has {lines} lines, {MAX_FUNCTION_LINES} are allowed: give its steps names"
            );
            self.findings.push(Finding::new(self.path, first, advice));
        }
    }
}

impl<'ast> Visit<'ast> for Longest<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !marks_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !marks_test(&item.attrs) {
            self.measure(&item.sig, &item.block);
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !marks_test(&item.attrs) {
            self.measure(&item.sig, &item.block);
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.measure(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}
