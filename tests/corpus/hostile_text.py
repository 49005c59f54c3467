"""CSV, strings and addresses that break what handles them carelessly."""

from __future__ import annotations

import unicodedata

from tests.corpus.corpus import Address

CSV_FILES = {
    "blank_cells.csv": b'a,b,c\n1,"",""\n4,5,6',
    "blank_cells_crlf.csv": b'a,b,c\r\n1,"",""\r\n4,5,6',
    "comma_in_quotes.csv": b'name,place,code\nAda,"Lakeside, North",0042',
    "doubled_quotes.csv": b'a,b\n1,"she said ""no"" twice"\n3,4\n',
    "lines_in_quotes.csv": b'a,b,c\n1,2,3\n"first \nsecond",5,6\n7,8,9\n',
    "lines_in_quotes_crlf.csv": b'a,b,c\r\n1,2,3\r\n"first \r\nsecond",5,6\r\n7,8,9\r\n',
    "quotes_and_lines.csv": b'a,b\n1,"he \n""said"" \nso"\n3,4\n',
    "json_in_a_cell.csv": b'key,val\n1,"{""place"": [1.5, ""x,y""]}"\n',
    "one_row.csv": b"a,b,c\n1,2,3\n",
    "one_row_crlf.csv": b"a,b,c\r\n1,2,3\r\n",
    "only_quotes.csv": b'a,b\n"""",""""""\n',
    "other_scripts.csv": "a,b,c\n1,2,ʤ\n4,𠮷,ق".encode(),
}


def _every(*categories: str) -> str:
    """All characters of these categories in the first two planes, but those that end a line in a CSV file."""
    return "".join(
        chr(code)
        for code in range(1, 0x20000)
        if unicodedata.category(chr(code)) in categories and chr(code) not in "\r\n"
    )


def _runs(text: str, length: int) -> list[str]:
    return [text[start : start + length] for start in range(0, len(text), length)]


STRINGS = [
    # what languages and stores reserve
    *["null", "NULL", "None", "nil", "undefined", "true", "FALSE", "NaN", "-Infinity", "constructor", "__proto__", "hasOwnProperty", "then"],
    *["DISTRICT#lakeside", "USER#lakeside#s1", "PK", "SK", "#status", ":value", "attribute_not_exists(PK)", "$ref", "{{7*7}}", "${HOME}", "%s", "%(x)d", "{0}"],
    # numbers, and what looks like one
    *["0", "-0", "+1", "007", "1.00", "1,000.00", "1e309", "1E+02", "0x1F", "99999999999999999999999999", "-9223372036854775809", "3.60008E+11", "١٢٣", "½", "∞"],
    # formulas of a spreadsheet
    *["=1+1", "+1+1", "-1+1", "@SUM(A1)", "=cmd|'/C calc'!A0", "\t=1+1", "'=1+1"],
    '=HYPERLINK("https://evil.example","x")',
    # markup, scripts, queries, shells and paths
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "<!--#exec cmd=\"/bin/true\"-->",
    "]]><!ENTITY x SYSTEM 'file:///etc/passwd'>",
    "'; DROP TABLE users;--",
    "\" OR \"\"=\"",
    "$(touch /tmp/x) `id` ; ls | cat && true",
    "../../../../etc/passwd\\..\\..",
    "C:\\CON\\nul.txt",
    "http://169.254.169.254/latest/meta-data",
    # headers of a mail or of HTTP
    "x\r\nBcc: all@school.example",
    "x\nSet-Cookie: a=b",
    "x%0d%0aLocation: //evil.example",
    # quotes, separators and ends of lines
    *["'", '"', '""', "'''", "`", ",", ",,", ";", "|", "\\", "\\\\", "\\n", '\\"', ",,,,", 'a"b', "a,b"],
    '"quoted, and "" doubled"',
    " leading", "trailing ", " ", "\t", "a\tb", "a\nb", "a\r\nb", "a\rb", "\n", "\r\n\r\n", "a\x0bb\x0cc", "a\x85b\u2028c\u2029d",
    # characters by kind
    "".join(map(chr, range(1, 9))), "".join(map(chr, range(14, 32))), "\x7f", "".join(map(chr, range(0x80, 0xA0))), "a\x00b",
    _every("Zs", "Zl", "Zp"),
    *_runs(_every("Cf"), 60),
    "\ufeffname", "\ufffe", "\uffff", "\ufffd", "\ue000", "\U0010fffd",
    "!@#$%^&*()_+-=[]{}|;':\",./<>?~`",
    "Ω≈ç√∫˜≤≥÷ ™£¢§¶•ªº “‘”’ «» …—–",
    # one letter, many ways to write it
    "é", "e\u0301", "ﬁ", "ſ", "ß", "İ", "ı", "Ⅷ", "ａｄａ", "раураl", "\u212b", "Ǆ", "ȺȾ",
    # scripts and directions
    "部落格", "社會科學院語學研究所", "\uac00\ub098\ub2e4", "ไทย", "ગુજરાતી", "ᚠᛇᚻ", "הָיְתָה", "مُنَاقَشَةُ", "שלום (abc) 123",
    "\u202eevil\u202c", "\u2066abc\u2069", "a\u200bb\u200dc", "\u2060",
    # more than one code point to what is seen as one
    "👩🏽‍💻", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇺🇸🇷🇺🇸", "1️⃣", "𠜎𠜱𠝹", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "Z" + "\u0351\u036b\u0343\u0323" * 40,
    # long
    "x" * 255, "x" * 256, "é" * 300, "𠮷" * 130, "a b " * 2000,
]  # fmt: skip

_LABEL = "abcdefgh" * 8
ADDRESSES = [
    *(
        Address(text, is_valid=True)
        for text in (
            "ann.lee@school.example", "a@school.example", "ann+maths@school.example", "o'hara@school.example",
            "ann_lee-1@mail.sub-domain.school.example", "!#$%&*=?^`{|}~@school.example", f"{_LABEL}@school.example",
            "ann@xn--bcher-kva.example", "ann@1234.example", "ANN@SCHOOL.EXAMPLE", " ann.b@school.example", "ann.c@school.example ",
            "jörg@school.example", "ann@bücher.example",
        )
    ),
    *(
        Address(text, is_valid=False)
        for text in (
            "", "ann", "@", "ann@", "@school.example", "ann@@school.example", "ann@school@school.example", ".ann@school.example",
            "ann.@school.example", "ann..lee@school.example", "ann lee@school.example", "ann@school .example", "ann@-school.example",
            "ann@school-.example", "ann@.school.example", "ann@school..example", "ann@school.example.",
            f"ann@{_LABEL}.example", "ann(comment)lee@school.example", "ann@school.example(", "\"ann@school.example",
            "ann\"@school.example", "ann\\@school.example", "ann@school/annex.example", "ann@[10.0.0.1", "ann@school.example\x00",
            "\x07@school.example", "ann@\x7f.example", "ann@school.example\nBcc: b@school.example", "ann\r\n@school.example",
            "mailto:ann@school.example,bob@school.example", "ann@school.example;bob@school.example", "<ann@school.example>",
            "Ann <ann@school.example>", "ann@ｓｃｈｏｏｌ。example..", "n/a", "none", "-", "0", "ann at school.example", "\u202eann@school.example",
        )
    ),
]  # fmt: skip
