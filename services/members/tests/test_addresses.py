"""The address in one spelling: what is remembered of domains changes no verdict."""

from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given, settings
from hypothesis import strategies as st
from members.commands.membership import written_address

LABEL = st.text("abcXYZ019-_é例ﬀ ", max_size=8)
NAMES = st.one_of(st.text('abAB09._-+"\\ é@<>', max_size=12), st.sampled_from(["info", "Info", "a" * 64, "a" * 65]))
DOMAINS = st.one_of(
    st.lists(LABEL, max_size=4).map(".".join),
    st.sampled_from(
        ["example.org", "EXAMPLE.org", "exämple.org", "localhost", "a.test", "[192.0.2.1]", "xn--e1afmkfd.org"]
    ),
    st.integers(0, 64).map(lambda length: ("d" * length + ".") * 3 + "org"),
)


def by_the_library(text: str) -> str | None:
    try:
        return validate_email(text, check_deliverability=False, allow_smtputf8=False).ascii_email
    except EmailNotValidError:
        return None


@settings(deadline=None)
@given(NAMES, DOMAINS, st.sampled_from(["{}@{}", "Amina <{}@{}>", " {}@{}", "{}{}"]))
@example("a", "é" * 60 + "." + "é" * 60 + ".org", "{}@{}")
@example("a" * 64, ("é" * 40 + ".") * 3 + "org", "{}@{}")
def test_an_address_is_written_as_the_library_writes_it(name: str, domain: str, form: str):
    text = form.format(name, domain)
    assert written_address(text) == written_address(text) == by_the_library(text)
