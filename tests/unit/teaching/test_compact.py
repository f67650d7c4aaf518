from companion.teaching.compact import compacted, without_spaces


def test_strings_templates_and_expressions_keep_their_spaces():
    source = """
    // a comment
    const a = "two  words",  b = `${a}  //  b`, c = text.replace(/ +x "/g, " ");
    if (a)
      return  a - -b;
    else
      throw  c / 2 / "it's";
    """
    assert without_spaces(source) == (
        "const a='two  words',b=`${a}  //  b`,c=text.replace(/ +x \"/g,' ');if(a)return a- -b;else throw c/2/\"it's\";"
    )


def test_a_shipped_script_gets_one_line():
    line = compacted("table_reading.js", "auditor.js")
    assert "\n" not in line and "function read(text){" in line and "function ftcTableAuditor(id){" in line
