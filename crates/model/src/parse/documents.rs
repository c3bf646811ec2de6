//! Splits a file into its YAML documents, so that a broken one does not take the others with it.

/// One document's text and the 1-based line of the file on which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document<'a> {
    pub text: &'a str,
    pub first_line: u32,
}

/// All documents that hold anything but comments and directives. In YAML a line that begins with
/// `---` or `...` ends a document wherever it stands, even inside a quoted text.
pub(crate) fn split(text: &str) -> Vec<Document<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut documents = Vec::new();
    let mut start = 0;
    let mut first_line = 1;
    let mut offset = 0;
    for (number, line) in (1u32..).zip(text.split_inclusive('\n')) {
        let end = offset + line.len();
        if is_marker(line, "---") || is_marker(line, "...") {
            documents.push(Document { text: &text[start..offset], first_line });
            // Content may follow on the marker's line: `--- {…}`.
            let rest = line[3..].trim();
            let has_content = line.starts_with("---") && !rest.is_empty() && !rest.starts_with('#');
            (start, first_line) = if has_content { (offset, number) } else { (end, number + 1) };
        }
        offset = end;
    }
    documents.push(Document { text: &text[start..], first_line });
    documents.retain(|document| !is_blank(document.text));
    documents
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

fn is_blank(text: &str) -> bool {
    text.lines().map(str::trim_start).all(|line| line.is_empty() || line.starts_with(['#', '%']))
}
