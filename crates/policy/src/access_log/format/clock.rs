//! Times as `%START_TIME(...)%` writes them: strftime with Envoy's fractions of seconds.
//!
//! UTC only; it reads no clock.

use std::fmt::Write;
use std::time::SystemTime;

use carrick_xds::FieldError;
use time::OffsetDateTime;

/// A parsed time format.
#[derive(Debug, Clone)]
pub enum TimeFormat {
    /// `2026-01-31T12:00:00.123Z`, Envoy's default.
    Iso,
    Parts(Vec<Part>),
}

#[derive(Debug, Clone)]
pub enum Part {
    Literal(char),
    Year,
    Month,
    MonthName,
    Day,
    DayOfYear,
    WeekdayName,
    Hour,
    Minute,
    Second,
    /// Digits of the fraction, 1 to 9.
    Fraction(u32),
    /// Seconds, a point, and that many digits.
    SecondAndFraction(u32),
    Unix,
}

impl TimeFormat {
    /// Envoy docs, "Access logging", START_TIME: strftime specifiers, `%1f` to `%9f`, `%s`, and
    /// absl's `%E3S`.
    pub(super) fn parse(text: &str) -> Result<Self, FieldError> {
        if text.is_empty() {
            return Ok(Self::Iso);
        }
        let mut parts = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                parts.push(Part::Literal(c));
                continue;
            }
            let mut specifier = String::new();
            for c in chars.by_ref() {
                specifier.push(c);
                if !(c.is_ascii_digit() || c == 'E') {
                    break;
                }
            }
            Self::specifier(&specifier, &mut parts)?;
        }
        Ok(Self::Parts(parts))
    }

    fn specifier(specifier: &str, parts: &mut Vec<Part>) -> Result<(), FieldError> {
        let digits = |text: &str| text.parse().ok().filter(|n| (1..=9).contains(n));
        match specifier {
            "Y" => parts.push(Part::Year),
            "m" => parts.push(Part::Month),
            "b" => parts.push(Part::MonthName),
            "d" => parts.push(Part::Day),
            "j" => parts.push(Part::DayOfYear),
            "a" => parts.push(Part::WeekdayName),
            "H" => parts.push(Part::Hour),
            "M" => parts.push(Part::Minute),
            "S" => parts.push(Part::Second),
            "s" => parts.push(Part::Unix),
            "f" => parts.push(Part::Fraction(9)),
            "Z" => parts.extend("UTC".chars().map(Part::Literal)),
            "z" => parts.extend("+0000".chars().map(Part::Literal)),
            "%" => parts.push(Part::Literal('%')),
            "F" => parts.extend([Part::Year, Part::Literal('-'), Part::Month, Part::Literal('-'), Part::Day]),
            "T" => {
                parts.extend([Part::Hour, Part::Literal(':'), Part::Minute, Part::Literal(':'), Part::Second])
            }
            _ => {
                let fraction = specifier.strip_suffix('f').and_then(digits).map(Part::Fraction);
                let second = || {
                    let digits = specifier.strip_prefix('E')?.strip_suffix('S').and_then(digits)?;
                    Some(Part::SecondAndFraction(digits))
                };
                match fraction.or_else(second) {
                    Some(part) => parts.push(part),
                    None => {
                        let reason = format!("START_TIME: time specifier %{specifier} is not supported");
                        return Err(FieldError::new("", reason));
                    }
                }
            }
        }
        Ok(())
    }

    /// `None` for times before 1970 or after 9999.
    pub(super) fn render(&self, time: SystemTime) -> Option<String> {
        let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let utc =
            OffsetDateTime::from_unix_timestamp_nanos(i128::try_from(since_epoch.as_nanos()).ok()?).ok()?;
        let mut out = String::with_capacity(32);
        // Writing to a String cannot fail.
        let _ = match self {
            Self::Iso => write!(
                out,
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                utc.year(),
                u8::from(utc.month()),
                utc.day(),
                utc.hour(),
                utc.minute(),
                utc.second(),
                utc.millisecond()
            ),
            Self::Parts(parts) => parts.iter().try_for_each(|part| part.write(utc, &mut out)),
        };
        Some(out)
    }
}

impl Part {
    fn write(&self, utc: OffsetDateTime, out: &mut String) -> std::fmt::Result {
        let fraction = |digits: u32| utc.nanosecond() / 10_u32.pow(9 - digits);
        match self {
            Self::Literal(c) => write!(out, "{c}"),
            Self::Year => write!(out, "{:04}", utc.year()),
            Self::Month => write!(out, "{:02}", u8::from(utc.month())),
            Self::MonthName => write!(out, "{:.3}", utc.month().to_string()),
            Self::Day => write!(out, "{:02}", utc.day()),
            Self::DayOfYear => write!(out, "{:03}", utc.ordinal()),
            Self::WeekdayName => write!(out, "{:.3}", utc.weekday().to_string()),
            Self::Hour => write!(out, "{:02}", utc.hour()),
            Self::Minute => write!(out, "{:02}", utc.minute()),
            Self::Second => write!(out, "{:02}", utc.second()),
            Self::Fraction(digits) => write!(out, "{:0width$}", fraction(*digits), width = *digits as usize),
            Self::SecondAndFraction(digits) => {
                write!(out, "{:02}.{:0width$}", utc.second(), fraction(*digits), width = *digits as usize)
            }
            Self::Unix => write!(out, "{}", utc.unix_timestamp()),
        }
    }
}
