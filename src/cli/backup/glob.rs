//! Names with `*` and `?` in them.

/// A pattern for whole names.
#[derive(Debug, Clone)]
pub struct Glob(Vec<char>);

impl Glob {
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.contains('/') {
            return Err("what is accepted is a name without slashes, such as `*.o`".to_owned());
        }
        Ok(Self(text.chars().collect()))
    }

    /// Whether all of `name` fits. Never more than one step back: linear for what people write.
    pub fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let (mut at, mut pos) = (0, 0);
        // Behind the last star, and how far that star reaches so far.
        let mut star: Option<(usize, usize)> = None;
        while let Some(c) = name.get(pos) {
            match self.0.get(at) {
                Some('*') => {
                    at += 1;
                    star = Some((at, pos));
                }
                Some(p) if *p == '?' || p == c => {
                    at += 1;
                    pos += 1;
                }
                _ => match &mut star {
                    Some((behind, reach)) => {
                        *reach += 1;
                        (at, pos) = (*behind, *reach);
                    }
                    None => return false,
                },
            }
        }
        self.0.get(at..).is_some_and(|rest| rest.iter().all(|c| *c == '*'))
    }
}

#[cfg(test)]
mod tests {
    use super::Glob;

    #[test]
    fn stars_and_question_marks_stand_for_text() {
        for (glob, name, fits) in [
            ("*.o", "a.o", true),
            ("*.o", "a.oo", false),
            ("*.o", ".o", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b*", "xxaxbx", true),
            ("*a*b*", "b a", false),
            ("*ab", "aab", true),
            ("*", "", true),
            ("ü*", "über", true),
            ("core", "core.c", false),
        ] {
            assert_eq!(Glob::parse(glob).unwrap().matches(name), fits, "{glob} {name}");
        }
        assert!(Glob::parse("").is_err() && Glob::parse("a/b").is_err());
    }
}
