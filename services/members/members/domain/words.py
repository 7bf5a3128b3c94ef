"""How names and addresses are written the same way before they are compared."""

import re
import unicodedata

_NOT_IN_A_WORD = re.compile(r"[\W_]+")


def comparable_address(address: str) -> str:
    """Two spellings of one mailbox become equal. Letter case counts nowhere in practice (RFC 5321, 2.4)."""
    return unicodedata.normalize("NFC", address).strip().casefold()


def comparable_words(name: str) -> frozenset[str]:
    """The words of a name without case, accents and vowel signs: "Hélène", "helene" and "HELENE" are one word."""
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign))
    return frozenset(word for word in _NOT_IN_A_WORD.split(bare.casefold()) if word)
