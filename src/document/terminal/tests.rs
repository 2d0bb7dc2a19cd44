use super::super::model::Head;
use super::*;

fn screen(blocks: Vec<Block>, width: u16, color: bool) -> String {
    let sections = vec![Section { heading: None, blocks }];
    render(&Document { sections, ..Document::default() }, Style { width, color })
}

fn fact(words: impl Into<Text>) -> Block {
    Block::Facts(Facts { facts: vec![Fact::new("do", words)], labels: 4 })
}

#[test]
fn words_wrap_behind_their_label() {
    let most = "a".repeat(33);
    assert_eq!(
        screen(vec![fact(format!("{most} two three"))], 40, false),
        format!("  do  {most}\n      two three\n")
    );
    let long = "a".repeat(60);
    assert_eq!(
        screen(vec![fact(format!("{long} x"))], 40, false),
        format!("  do  {long}\n      x\n"),
        "a long word stays whole"
    );
}

#[test]
fn a_command_stays_in_one_piece_with_what_follows_it() {
    let text = Text::from("to see much more of this, ").then(Text::command("ip -s link show"));
    assert_eq!(
        screen(vec![Block::Paragraph(text.then(", there"))], 40, false),
        "to see much more of this,\n`ip -s link show`, there\n"
    );
}

#[test]
fn colour_takes_no_columns() {
    let text = Text::strong("timed-out").then(": nothing came back at all, here");
    let plain = screen(vec![Block::Paragraph(text.clone())], 40, false);
    let coloured = screen(vec![Block::Paragraph(text)], 40, true);
    assert!(coloured.starts_with("\u{1b}[1mtimed-out\u{1b}[0m: nothing"), "{coloured:?}");
    assert_eq!(coloured.replace("\u{1b}[1m", "").replace("\u{1b}[0m", ""), plain);
}

#[test]
fn one_empty_line_stands_between_parts() {
    let paragraph = |words: &str| Block::Paragraph(words.into());
    let head = Head {
        notes: vec![Note { label: "Note", words: "n".into() }],
        title: "not here".into(),
        ..Head::default()
    };
    let document = Document {
        head,
        summary: Some("sum".into()),
        sections: vec![
            Section { heading: None, blocks: vec![paragraph("a"), Block::Hint("h".into())] },
            Section { heading: None, blocks: Vec::new() },
            Section { heading: None, blocks: vec![Block::Summary, Block::Remark("r".into())] },
        ],
    };
    let text = render(&document, Style { width: 80, color: false });
    assert_eq!(text, "NOTE: n\n\na\n\nh\n\nsum\n  r\n");
}
