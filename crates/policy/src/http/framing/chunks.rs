//! Follows a chunked body to its end, without decoding it (RFC 9112 §7.1).
//!
//! It must not know what is in the body.

/// How far in a chunked body we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chunks {
    /// In the number, with its digits so far.
    Size {
        size: u64,
        digits: u32,
    },
    /// Behind the number, up to the end of the line: white space or an extension.
    Extension(u64),
    SizeEnd(u64),
    Data(u64),
    DataCr,
    DataLf,
    /// In a line of the trailer section; `empty` so far.
    Trailer {
        empty: bool,
    },
    Ended,
    /// It makes no sense; this byte in its place makes none to any parser.
    Broken {
        instead: u8,
    },
}

impl Chunks {
    pub const START: Self = Self::Size { size: 0, digits: 0 };

    /// Goes on with these bytes. Returns how many of them belong to the body.
    pub fn follow(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() && !matches!(self, Self::Ended | Self::Broken { .. }) {
            if let Self::Data(left) = *self {
                let skipped = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len() - at);
                at += skipped;
                let left = left - skipped as u64;
                *self = if left == 0 { Self::DataCr } else { Self::Data(left) };
                continue;
            }
            *self = self.after(bytes[at]);
            at += usize::from(!matches!(self, Self::Broken { .. }));
        }
        at
    }

    fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Size { size, digits }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') if digits < 16 => {
                let digit = (byte as char).to_digit(16).unwrap_or(0);
                Self::Size { size: size << 4 | u64::from(digit), digits: digits + 1 }
            }
            (Self::Size { size, digits: 1.. }, b'\r') => Self::SizeEnd(size),
            (Self::Size { size, digits: 1.. }, b' ' | b'\t' | b';') => Self::Extension(size),
            (Self::Extension(size), b'\r') => Self::SizeEnd(size),
            (Self::Extension(size), b'\t' | b' '..=b'~' | 0x80..) => Self::Extension(size),
            (Self::SizeEnd(0), b'\n') => Self::Trailer { empty: true },
            (Self::SizeEnd(size), b'\n') => Self::Data(size),
            (Self::DataCr, b'\r') => Self::DataLf,
            (Self::DataLf, b'\n') => Self::START,
            (Self::Trailer { empty: true }, b'\n') => Self::Ended,
            (Self::Trailer { .. }, b'\n') => Self::Trailer { empty: true },
            (Self::Trailer { empty }, b'\r') => Self::Trailer { empty },
            (Self::Trailer { .. }, _) => Self::Trailer { empty: false },
            // Where a line feed would end a line.
            (Self::SizeEnd(_) | Self::DataLf, _) => Self::Broken { instead: 0 },
            _ => Self::Broken { instead: b'\n' },
        }
    }
}

#[cfg(test)]
mod tests;
