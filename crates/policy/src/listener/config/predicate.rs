//! For which destination ports a listener filter is not run (`filter_disabled`).

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::listener::v3::ListenerFilterChainMatchPredicate;
use carrick_xds::pb::envoy::config::listener::v3::listener_filter_chain_match_predicate::{MatchSet, Rule};
use carrick_xds::pb::envoy::r#type::v3::Int32Range;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortPredicate {
    Any(Vec<PortPredicate>),
    All(Vec<PortPredicate>),
    Not(Box<PortPredicate>),
    /// From the first up to, but not including, the second.
    Range(i32, i32),
}

/// Deeper predicates are refused, so that a message cannot exhaust the stack.
const DEEPEST: usize = 16;

impl PortPredicate {
    pub fn from_proto(pb: &ListenerFilterChainMatchPredicate) -> Result<Self, FieldError> {
        Self::nested(pb, 0)
    }

    fn nested(pb: &ListenerFilterChainMatchPredicate, depth: usize) -> Result<Self, FieldError> {
        if depth > DEEPEST {
            return Err(FieldError::new("", "is nested too deeply"));
        }
        let set = |MatchSet { rules }: &MatchSet| -> Result<Vec<Self>, FieldError> {
            rules.iter().map(|rule| Self::nested(rule, depth + 1)).collect()
        };
        let ListenerFilterChainMatchPredicate { rule } = pb;
        match rule {
            Some(Rule::OrMatch(rules)) => Ok(Self::Any(set(rules)?)),
            Some(Rule::AndMatch(rules)) => Ok(Self::All(set(rules)?)),
            Some(Rule::NotMatch(rule)) => Ok(Self::Not(Box::new(Self::nested(rule, depth + 1)?))),
            Some(Rule::AnyMatch(_)) => Ok(Self::All(Vec::new())),
            Some(Rule::DestinationPortRange(Int32Range { start, end })) => Ok(Self::Range(*start, *end)),
            None => Err(FieldError::new("", "a rule is required")),
        }
    }

    pub fn matches(&self, port: u16) -> bool {
        match self {
            Self::Any(rules) => rules.iter().any(|rule| rule.matches(port)),
            Self::All(rules) => rules.iter().all(|rule| rule.matches(port)),
            Self::Not(rule) => !rule.matches(port),
            Self::Range(start, end) => (*start..*end).contains(&i32::from(port)),
        }
    }
}
