//! Diagnostics for people: the place, the line itself, the reason, the help.

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

/// All diagnostics without colour, one block each. `files` give the lines to show; a place in an unknown file is
/// named without its text.
pub fn render(diagnostics: &[Diagnostic], files: &[SourceFile]) -> String {
    render_with(diagnostics, files, Colour::Never)
}

pub fn render_with(diagnostics: &[Diagnostic], files: &[SourceFile], colour: Colour) -> String {
    let renderer = match colour {
        Colour::Never => Renderer::plain(),
        Colour::Always => Renderer::styled(),
    };
    let blocks = diagnostics.iter().map(|diagnostic| block(diagnostic, files, &renderer));
    blocks.collect::<Vec<_>>().join("\n")
}

fn block(diagnostic: &Diagnostic, files: &[SourceFile], renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let location = &diagnostic.location;
    let file = files.iter().find(|file| file.path == *location.file);
    let about: Vec<String> = diagnostic
        .resource
        .iter()
        .map(ToString::to_string)
        .chain((!diagnostic.field.is_empty()).then(|| diagnostic.field.clone()))
        .collect();
    let title = level.primary_title(diagnostic.reason.as_str()).id(diagnostic.code);
    let shown = file.and_then(|file| line_of(&file.text, location.line).map(|line| (file, line)));
    let mut group = if let Some((file, line)) = shown {
        // The place itself is the title's: the snippet shows the one line, whatever the file's size.
        let span = AnnotationKind::Primary.span(span(line, location.column)).label(about.join(": "));
        let snippet = Snippet::source(line).line_start(location.line as usize).path(file.path.as_str());
        title.element(snippet.annotation(span))
    } else {
        title.element(Level::NOTE.message(format!("at {location}: {}", about.join(": "))))
    };
    if !diagnostic.help.is_empty() {
        group = group.element(Level::HELP.message(diagnostic.help.as_str()));
    }
    renderer.render(&[group]) + "\n"
}

fn line_of(text: &str, number: u32) -> Option<&str> {
    text.lines().nth(usize::try_from(number).ok()?.checked_sub(1)?)
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
