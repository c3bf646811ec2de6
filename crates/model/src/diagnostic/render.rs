//! Diagnostics for people: the place, the line itself, the reason, the help.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::{Diagnostic, Severity};
use crate::source::SourceFile;

/// Whether to write terminal colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colour {
    #[default]
    Never,
    Always,
}

/// All diagnostics without colour, one block each. `files` give the lines to show; a place in an
/// unknown file is named without its text.
pub fn render(diagnostics: &[Diagnostic], files: &[SourceFile]) -> String {
    render_with(diagnostics, files, Colour::Never)
}

pub fn render_with(diagnostics: &[Diagnostic], files: &[SourceFile], colour: Colour) -> String {
    let renderer = match colour {
        Colour::Never => Renderer::plain(),
        Colour::Always => Renderer::styled(),
    };
    let shown = &diagnostics[..diagnostics.len().min(MOST)];
    let named: BTreeSet<&str> = shown.iter().map(|diagnostic| &*diagnostic.location.file).collect();
    let named = files.iter().filter(|file| named.contains(file.path.as_str()));
    let lines: Lines<'_> = named.map(|file| (file.path.as_str(), file.text.lines().collect())).collect();
    let mut blocks: Vec<String> = shown.iter().map(|found| block(found, &lines, &renderer)).collect();
    if diagnostics.len() > MOST {
        blocks.push(format!("... and {} more findings\n", diagnostics.len() - MOST));
    }
    blocks.join("\n")
}

/// Nobody reads more, and one wrong file can make a hundred thousand.
const MOST: usize = 1000;

/// The lines of each file.
type Lines<'a> = BTreeMap<&'a str, Vec<&'a str>>;

fn block(diagnostic: &Diagnostic, lines: &Lines<'_>, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let location = &diagnostic.location;
    let place = usize::try_from(location.line).unwrap_or(usize::MAX).wrapping_sub(1);
    let line = lines.get(&*location.file).and_then(|lines| lines.get(place));
    let about: Vec<String> = diagnostic
        .resource
        .iter()
        .map(ToString::to_string)
        .chain((!diagnostic.field.is_empty()).then(|| diagnostic.field.clone()))
        .collect();
    let title = level.primary_title(diagnostic.reason.as_str()).id(diagnostic.code);
    let mut group = if let Some(line) = line {
        // The place itself is the title's: the snippet shows the one line, whatever the file's
        // size.
        let (line, column) = clipped(line, location.column);
        let span = AnnotationKind::Primary.span(span(line, column)).label(about.join(": "));
        let snippet = Snippet::source(line).line_start(location.line as usize).path(&*location.file);
        title.element(snippet.annotation(span))
    } else {
        title.element(Level::NOTE.message(format!("at {location}: {}", about.join(": "))))
    };
    if !diagnostic.help.is_empty() {
        group = group.element(Level::HELP.message(diagnostic.help.as_str()));
    }
    renderer.render(&[group]) + "\n"
}

/// What is shown of a line that nobody would read whole, and the column in that.
fn clipped(line: &str, column: u32) -> (&str, u32) {
    const BEFORE: u32 = 100;
    const WIDEST: usize = 400;
    if line.len() <= WIDEST {
        return (line, column);
    }
    let skipped = column.saturating_sub(1).saturating_sub(BEFORE);
    let start = line.char_indices().nth(skipped as usize).map_or(line.len(), |(start, _)| start);
    let rest = &line[start..];
    (&rest[..rest.floor_char_boundary(WIDEST)], column - skipped)
}

/// The word at a column (in characters, from 1) as a range of bytes; empty at the line's end.
fn span(line: &str, column: u32) -> Range<usize> {
    let mut starts = line.char_indices().map(|(start, _)| start).skip(column.saturating_sub(1) as usize);
    let start = starts.next().unwrap_or(line.len());
    let rest = &line[start..];
    let quote = rest.chars().next().filter(|first| matches!(first, '"' | '\''));
    let end = match quote.and_then(|quote| rest[1..].find(quote)) {
        Some(close) => close + 2,
        None => rest.find([' ', ',', ']', '}', '#', '\t']).unwrap_or(rest.len()),
    };
    let word = rest[..end].strip_suffix(':').map_or(end, str::len);
    start..start + word
}

#[cfg(test)]
mod tests;
