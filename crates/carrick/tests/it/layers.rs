//! Modules import downward only: among the modules of each folder of a crate's source there is no
//! cycle. A parent may use its children and they may use it, as a facade; what a path reaches
//! through a re-export counts as reached itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::fixtures::repository;

/// A module by its names from the crate's root.
type Name = Vec<String>;

/// Who imports whom among the modules of one folder.
type Graph = BTreeMap<String, BTreeSet<String>>;

#[test]
fn modules_of_a_crate_import_downward_only() {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(repository().join("crates")).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let modules = Modules::read(&folder.join("src"));
        for (within, graph) in modules.graphs() {
            found.extend(cycles(&graph).into_iter().map(|cycle| (name.clone(), within.join("/"), cycle)));
        }
    }
    assert!(
        found.is_empty(),
        "these modules (crate, folder, names) import each other in a circle: {found:#?}"
    );
}

#[test]
fn a_cycle_is_seen_whichever_way_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("lib.rs", "mod a; mod b; mod c; mod d; pub use c::Thing;");
    write("a.rs", "use std::{fmt, crate_like::b}; use super::b::{self, X};");
    write("b.rs", "fn f() { let _ = \"crate::a\"; /* crate::a */ crate::{Thing as Other, d}; } // crate::a");
    write("c.rs", "use crate::d::{e, f::{g}};");
    write("d.rs", "fn f() -> crate::a::X { todo!() }");
    let graphs = Modules::read(folder.path()).graphs();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let top = &graphs[&Vec::new()];
    assert_eq!((&top["a"], &top["b"]), (&names(&["b"]), &names(&["c", "d"])));
    assert_eq!(cycles(top), [names(&["a", "b", "c", "d"])]);
}

/// All modules of a crate, and the paths in them. Unit tests are left out.
#[derive(Default)]
struct Modules {
    paths: BTreeMap<Name, Vec<Name>>,
    /// What a module re-exports, and of which child.
    facades: BTreeMap<Name, BTreeMap<String, String>>,
}

impl Modules {
    fn read(source: &Path) -> Self {
        let mut texts = BTreeMap::new();
        collect(source, &Vec::new(), &mut texts);
        let mut modules = Self::default();
        for (name, text) in &texts {
            let words = words(text);
            modules.facades.insert(
                name.clone(),
                facade(&words, |child| {
                    let mut full = name.clone();
                    full.push(child.to_owned());
                    texts.contains_key(&full)
                }),
            );
            modules.paths.insert(name.clone(), paths(&words, name));
        }
        modules
    }

    /// The imports among siblings, by the folder that they are in.
    fn graphs(&self) -> BTreeMap<Name, Graph> {
        let mut graphs: BTreeMap<Name, Graph> = BTreeMap::new();
        for (from, paths) in &self.paths {
            for to in paths.iter().map(|path| self.beyond_facades(path)) {
                let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
                let (Some(a), Some(b)) = (from.get(shared), to.get(shared)) else { continue };
                if self.paths.contains_key(&to[..=shared]) {
                    let graph = graphs.entry(from[..shared].to_vec()).or_default();
                    graph.entry(a.clone()).or_default().insert(b.clone());
                    graph.entry(b.clone()).or_default();
                }
            }
        }
        graphs
    }

    /// `a::Thing` as `a::b::Thing`, where `a` only hands on what is `b`'s.
    fn beyond_facades(&self, path: &[String]) -> Name {
        let mut path = path.to_vec();
        loop {
            let known = (0..=path.len()).rev().find(|end| self.paths.contains_key(&path[..*end]));
            let Some(end) = known.filter(|end| *end < path.len()) else { return path };
            match self.facades[&path[..end]].get(&path[end]) {
                Some(child) => path.insert(end, child.clone()),
                None => return path,
            }
        }
    }
}

fn collect(folder: &Path, name: &Name, texts: &mut BTreeMap<Name, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let mut child = name.clone();
        if stem == "tests" {
            continue;
        }
        if path.is_dir() {
            child.push(stem);
            collect(&path, &child, texts);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            if !(stem == "mod" || name.is_empty() && (stem == "lib" || stem == "main")) {
                child.push(stem);
            }
            texts.insert(child, fs::read_to_string(&path).unwrap());
        }
    }
}

/// Identifiers, `::` and single other signs. Comments, texts and characters are left out.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("r#\"") {
            rest.find("\"#").map_or(rest.len(), |end| end + 2)
        } else if first == '"' {
            quoted(rest, '"')
        } else if first == '\'' && (rest[1..].starts_with('\\') || rest.chars().nth(2) == Some('\'')) {
            quoted(rest, '\'')
        } else {
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let length = match rest.find(|c| !is_word(c)) {
                _ if rest.starts_with("::") => 2,
                Some(0) => first.len_utf8(),
                end => end.unwrap_or(rest.len()),
            };
            if !first.is_whitespace() {
                words.push(rest[..length].to_owned());
            }
            length
        };
        rest = &rest[length..];
    }
    words
}

/// How long a text is that begins here, with its quotes.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

/// Every path that begins with `crate` or `super`, from the root of the crate.
fn paths(words: &[String], module: &Name) -> Vec<Name> {
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let begins = at == 0 || words[at - 1] != "::";
        if begins
            && ["crate", "super"].contains(&word.as_str())
            && words.get(at + 1).is_some_and(|next| next == "::")
        {
            let mut trees = Vec::new();
            tree(words, at, &Vec::new(), &mut trees);
            found.extend(trees.into_iter().map(|path| absolute(&path, module)));
        }
    }
    found
}

/// What a module hands on of its children: `pub use child::{Name, other::Name}`.
fn facade(words: &[String], is_child: impl Fn(&str) -> bool) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for at in (0..words.len()).filter(|at| words[*at] == "use") {
        let mut trees = Vec::new();
        tree(words, at + 1, &Vec::new(), &mut trees);
        for path in trees {
            let path = if path[0] == "self" { &path[1..] } else { &path[..] };
            if let [child, .., name] = path
                && is_child(child)
            {
                found.insert(name.clone(), child.clone());
            }
        }
    }
    found
}

/// The paths of a tree like `a::{b, c::d as e}`. Returns where it ends.
fn tree(words: &[String], start: usize, prefix: &Name, found: &mut Vec<Name>) -> usize {
    let mut path = prefix.clone();
    let mut at = start;
    loop {
        match words.get(at).map(String::as_str) {
            Some("{") => {
                at += 1;
                while words.get(at).is_some_and(|word| word != "}") {
                    at = tree(words, at, &path, found).max(at + 1);
                    // A new name for what is imported, and the comma.
                    while words.get(at).is_some_and(|word| word == "as" || word == ",") {
                        at += if words[at] == "as" { 2 } else { 1 };
                    }
                }
                return at + 1;
            }
            Some(word) => path.push(word.to_owned()),
            None => break,
        }
        at += 1;
        match words.get(at) {
            Some(word) if word == "::" => at += 1,
            _ => break,
        }
    }
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    found.push(path);
    at
}

fn absolute(path: &[String], module: &Name) -> Name {
    let mut base = module.clone();
    let mut rest = path;
    while let [first, tail @ ..] = rest {
        match first.as_str() {
            "crate" => base.clear(),
            "super" => drop(base.pop()),
            _ => break,
        }
        rest = tail;
    }
    base.extend_from_slice(rest);
    base
}

/// Groups of modules that all reach each other.
fn cycles(graph: &Graph) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<&String, BTreeSet<&String>> =
        graph.keys().map(|module| (module, reach(graph, module))).collect();
    let group = |module: &String| -> BTreeSet<String> {
        let mutual = reached[module].iter().filter(|other| reached[**other].contains(module));
        mutual.map(|other| (*other).clone()).collect()
    };
    let groups: BTreeSet<_> = graph.keys().map(group).filter(|group| group.len() > 1).collect();
    groups.into_iter().collect()
}

fn reach<'a>(graph: &'a Graph, from: &String) -> BTreeSet<&'a String> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&String> = graph[from].iter().collect();
    while let Some(module) = open.pop() {
        if reached.insert(module) {
            open.extend(&graph[module]);
        }
    }
    reached
}
