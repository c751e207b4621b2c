//! JSON pointers (RFC 6901).

/// Appends one step.
pub(crate) fn push(pointer: &mut String, step: &str) {
    pointer.push('/');
    for c in step.chars() {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c => pointer.push(c),
        }
    }
}

/// `pointer`, then one step.
pub(crate) fn join(pointer: &str, step: &str) -> String {
    let mut joined = pointer.to_owned();
    push(&mut joined, step);
    joined
}

/// The steps, unescaped.
pub(crate) fn steps(pointer: &str) -> impl Iterator<Item = String> {
    pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"))
}

/// The pointer to what holds the place.
pub(crate) fn parent(pointer: &str) -> &str {
    pointer.rsplit_once('/').map_or("", |(parent, _)| parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_escaped() {
        let pointer = join(&join("", "a/b~c"), "0");
        assert_eq!(pointer, "/a~1b~0c/0");
        assert_eq!(steps(&pointer).collect::<Vec<_>>(), ["a/b~c", "0"]);
        assert_eq!((parent(&pointer), parent("")), ("/a~1b~0c", ""));
    }
}
