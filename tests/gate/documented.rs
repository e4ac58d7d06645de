//! Tables of the documentation that tests fill in.

use std::fs;
use std::path::Path;

/// Compares a table with the one that the documentation shows between its marks.
#[track_caller]
pub fn is_documented(file: &str, name: &str, table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- begin: {name} -->\n"), format!("<!-- end: {name} -->"));
    let (before, rest) = text.split_once(&begin).expect("a mark");
    let (shown, after) = rest.split_once(&end).expect("another mark");
    if std::env::var("GATE_TABLE").is_ok_and(|word| word == "overwrite") {
        fs::write(&path, format!("{before}{begin}{table}{end}{after}")).unwrap();
    } else {
        assert_eq!(shown, table, "{file} shows another table of {name}");
    }
}
