//! "Did you mean": the candidate nearest to a misspelt word.

/// The nearest candidate within a third of the word's length, ignoring case.
pub(crate) fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let lower = word.to_lowercase();
    // Nobody misspells a word of this length; the distance would only cost time.
    if lower.len() > 64 {
        return None;
    }
    let scored = candidates.iter().map(|candidate| (distance(&lower, &candidate.to_lowercase()), *candidate));
    let (far, best) = scored.min_by_key(|(far, _)| *far)?;
    (far <= (lower.chars().count() / 3).max(1)).then_some(best)
}

/// The number of letters to insert, remove, change or swap with their neighbour (optimal string
/// alignment).
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for i in 1..=one.len() {
        let mut current = vec![i];
        for j in 1..=other.len() {
            let change = last[j - 1] + usize::from(one[i - 1] != other[j - 1]);
            let mut best = change.min(last[j] + 1).min(current[j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                best = best.min(before_last[j - 2] + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last[other.len()]
}
