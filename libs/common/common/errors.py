"""The ways of saying no, in words for the person who asked. Only the standard library: domain rules raise these."""


class Sentence(str):
    """A sentence with numbers or names in it that can still be translated: ``Sentence("%(n)s seats are left", n=2)``.

    As text it is the English sentence; the page looks the sentence up in the reader's language and fills it in there.
    """

    msgid: str
    values: dict[str, object]

    def __new__(cls, msgid: str, **values: object) -> "Sentence":
        sentence = super().__new__(cls, msgid % values)
        sentence.msgid, sentence.values = msgid, values
        return sentence


class NotAllowed(Exception):
    """The rules say no, in a sentence for the person; ``field`` names the form field, if one is to blame."""

    status = 409

    def __init__(self, sentence: str, *, field: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field


class NotFound(NotAllowed):
    """There is no such thing, or not for this person."""

    status = 404


class Forbidden(NotAllowed):
    """The person may not do this."""

    status = 403


class Gone(NotAllowed):
    """A link that was used, expired or replaced."""

    status = 410


class Invalid(NotAllowed):
    """What was sent can not be understood or is not acceptable."""

    status = 422


class TooLarge(NotAllowed):
    """The body is larger than this address takes."""

    status = 413


class TooMany(NotAllowed):
    """Asked too often; ``retry_after`` in seconds."""

    status = 429

    def __init__(self, sentence: str, *, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after
