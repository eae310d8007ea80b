//! Messages compared field by field, numbers within a tolerance.

use driftline_schema::tfmd::{Named, to_text};
use std::{collections::BTreeMap, iter::Peekable};

/// A message's text, taken apart: what every key holds, in order.
#[derive(Debug, Default)]
pub(crate) struct Tree(BTreeMap<String, Vec<Node>>);

#[derive(Debug)]
enum Node {
    Value(String),
    Message(Tree),
}

impl Tree {
    pub(crate) fn of<M: Named>(message: &M) -> Self {
        let text = to_text(message);
        Self::read(&mut tokens(&text).into_iter().peekable())
    }

    /// Reads fields up to the brace that closes them.
    fn read<'a>(tokens: &mut Peekable<impl Iterator<Item = &'a str>>) -> Self {
        let mut tree = Self::default();
        while let Some(key) = tokens.next() {
            match key {
                "}" => break,
                "," => continue,
                _ => {}
            }
            let nodes = tree.0.entry(key.to_owned()).or_default();
            let listed = tokens.next_if_eq(&"[").is_some();
            loop {
                match tokens.next() {
                    Some("{") => nodes.push(Node::Message(Self::read(tokens))),
                    Some(",") if listed => continue,
                    Some("]") if listed => break,
                    Some(value) => nodes.push(Node::Value(value.to_owned())),
                    None => break,
                }
                if !listed {
                    break;
                }
            }
        }
        tree
    }

    /// Leaves keys out at every depth.
    pub(crate) fn without(mut self, keys: &[&str]) -> Self {
        self.0.retain(|key, _| !keys.contains(&key.as_str()));
        for nodes in self.0.values_mut() {
            for node in nodes {
                if let Node::Message(inner) = node {
                    *inner = std::mem::take(inner).without(keys);
                }
            }
        }
        self
    }

    /// What differs, with its place; a number that is absent is 0.
    pub(crate) fn differences(&self, expected: &Self, at: &str, found: &mut Vec<String>) {
        let empty = Vec::new();
        let keys: std::collections::BTreeSet<&String> =
            self.0.keys().chain(expected.0.keys()).collect();
        for key in keys {
            let mine = self.0.get(key).unwrap_or(&empty);
            let theirs = expected.0.get(key).unwrap_or(&empty);
            for index in 0..mine.len().max(theirs.len()) {
                let at = format!("{at}/{key}[{index}]");
                match (mine.get(index), theirs.get(index)) {
                    (Some(Node::Message(mine)), Some(Node::Message(theirs))) => {
                        mine.differences(theirs, &at, found);
                    }
                    (Some(Node::Value(mine)), Some(Node::Value(theirs))) => {
                        if !same(mine, theirs) {
                            found.push(format!("{at}: {mine}, expected {theirs}"));
                        }
                    }
                    (Some(Node::Value(mine)), None) if same(mine, "0") => {}
                    (None, Some(Node::Value(theirs))) if same(theirs, "0") => {}
                    (mine, theirs) => {
                        found.push(format!("{at}: {mine:?}, expected {theirs:?}"));
                    }
                }
            }
        }
    }
}

/// Names, strings, numbers and brackets; colons only part them.
fn tokens(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '{' | '}' | '[' | ']' | ',' | ':' => 1,
            '"' => {
                let mut escaped = false;
                let end = rest.char_indices().skip(1).find(|(_, c)| {
                    let closes = *c == '"' && !escaped;
                    escaped = *c == '\\' && !escaped;
                    closes
                });
                end.map_or(rest.len(), |(at, _)| at + 1)
            }
            _ => rest
                .find([' ', '\n', ':', ',', '{', '}', '[', ']'])
                .unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(length);
        if token != ":" {
            found.push(token);
        }
        rest = after.trim_start();
    }
    found
}

fn same(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => {
            (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-6 * a.abs().max(b.abs()).max(1.0)
        }
        _ => false,
    }
}

/// What differs between two messages.
pub(crate) fn differences<M: Named>(mine: &M, expected: &M) -> Vec<String> {
    let mut found = Vec::new();
    Tree::of(mine).differences(&Tree::of(expected), "", &mut found);
    found
}
