"""The SMTP session: against a real server, and against one that misbehaves at every step."""

import asyncio
import datetime
import ssl
from dataclasses import replace

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from notifications.sending.session import Envelope, Phase, Reply, SmtpError, SmtpSession, Timeouts, stuffed

from .postbox import QUICK, Line, Postbox, misbehaving, real_server

ENVELOPE = Envelope(sender="b+token@bounce.example", recipient="amina@example.org", envid="one")
CONTENT = b"Subject: Hello\r\n\r\nA line\r\n.a line with a dot\r\n..two\r\nthe end\r\n"


async def test_a_real_server_gets_exactly_the_bytes_that_were_handed_over():
    async with real_server() as postbox:
        session = await SmtpSession.open(postbox.server)
        outcome = await session.send(ENVELOPE, CONTENT)
        await session.close()
    assert outcome.phase is Phase.ANSWERED
    assert outcome.reply == Reply(250, ("2.0.0 thank you",))
    assert postbox.mails[0].original_content == CONTENT
    assert (postbox.mails[0].mail_from, postbox.mails[0].rcpt_tos) == (ENVELOPE.sender, [ENVELOPE.recipient])


async def test_one_connection_carries_many_messages():
    async with real_server() as postbox:
        session = await SmtpSession.open(postbox.server)
        outcomes = [await session.send(ENVELOPE, CONTENT) for _ in range(3)]
        await session.close()
    assert [outcome.reply.code for outcome in outcomes if outcome.reply] == [250, 250, 250]
    assert len(postbox.mails) == 3


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        (b".", b"..\r\n"),
        (b".\r\n.\r\n", b"..\r\n..\r\n"),
        (b"a\r\n.b\r\n", b"a\r\n..b\r\n"),
        (b"no dot", b"no dot\r\n"),
        (b"", b"\r\n"),
    ],
)
def test_a_dot_at_the_start_of_a_line_is_doubled(content: bytes, sent: bytes):
    assert stuffed(content) == sent


async def test_with_pipelining_the_envelope_travels_in_one_write():
    written: list[bytes] = []

    async def deed(line: Line) -> None:
        await line.greet("PIPELINING", "DSN")
        # The three commands have to be here before a single answer goes out.
        written.append(await line.reader.readuntil(b"DATA\r\n"))
        await line.say("250 sender\r\n250 recipient\r\n354 go on")
        await line.hear_to_the_dot()
        await line.say("250 2.6.0 taken")

    async with misbehaving(deed) as (server, _):
        session = await SmtpSession.open(server)
        outcome = await session.send(ENVELOPE, CONTENT)
        session.abort()
    assert outcome.reply == Reply(250, ("2.6.0 taken",))
    assert written == [
        b"MAIL FROM:<b+token@bounce.example> RET=HDRS ENVID=one\r\n"
        b"RCPT TO:<amina@example.org> NOTIFY=FAILURE,DELAY\r\nDATA\r\n"
    ]


async def test_a_refused_recipient_with_data_already_open_is_ended_by_a_lone_dot_and_the_connection_lives_on():
    async def deed(line: Line) -> None:
        await line.greet("PIPELINING")
        await line.reader.readuntil(b"DATA\r\n")
        await line.say("250 sender\r\n550 5.1.1 nobody here\r\n354 go on")
        assert await line.hear() == b".\r\n"
        await line.say("554 no valid recipients")
        assert await line.hear() == b"RSET\r\n"
        await line.say("250 reset")
        await line.reader.readuntil(b"DATA\r\n")
        await line.say("250 sender\r\n250 recipient\r\n354 go on")
        await line.hear_to_the_dot()
        await line.say("250 taken")

    async with misbehaving(deed) as (server, _):
        session = await SmtpSession.open(server)
        refused = await session.send(ENVELOPE, CONTENT)
        taken = await session.send(ENVELOPE, CONTENT)
        session.abort()
    assert refused.phase is Phase.ANSWERED
    assert refused.reply is not None
    assert (refused.reply.code, refused.reply.enhanced) == (550, "5.1.1")
    assert taken.reply is not None
    assert taken.reply.accepted


async def greet_only(line: Line) -> None:
    await line.greet()


async def hang_up_after_mail(line: Line) -> None:
    await line.greet()
    await line.hear()
    line.hang_up()


async def hang_up_after_354(line: Line) -> None:
    await line.greet()
    await line.take_the_envelope()
    line.hang_up()


async def hang_up_after_the_dot(line: Line) -> None:
    await line.greet()
    await line.take_the_envelope()
    await line.hear_to_the_dot()
    line.hang_up()


async def say_nothing_after_the_dot(line: Line) -> None:
    await line.greet()
    await line.take_the_envelope()
    await line.hear_to_the_dot()
    await line.reader.read()


async def talk_rubbish_after_the_dot(line: Line) -> None:
    await line.greet()
    await line.take_the_envelope()
    await line.hear_to_the_dot()
    await line.say("thanks a lot")


async def answer_the_dot_with_354(line: Line) -> None:
    await line.greet()
    await line.take_the_envelope()
    await line.hear_to_the_dot()
    await line.say("354 more please")


async def answer_data_with_250(line: Line) -> None:
    await line.greet()
    for answer in ("250 a", "250 b", "250 c"):
        await line.hear()
        await line.say(answer)
    await line.reader.read()


async def answer_without_end(line: Line) -> None:
    await line.greet()
    for _ in range(1000):
        await line.say("250-and")


async def answer_one_endless_line(line: Line) -> None:
    await line.greet()
    await line.say("250 " + "x" * 100_000)


@pytest.mark.parametrize(
    ("deed", "phase"),
    [
        (greet_only, Phase.BEFORE_DATA),
        (hang_up_after_mail, Phase.BEFORE_DATA),
        (answer_data_with_250, Phase.BEFORE_DATA),
        (answer_without_end, Phase.BEFORE_DATA),
        (answer_one_endless_line, Phase.BEFORE_DATA),
        (hang_up_after_the_dot, Phase.DOT_WRITTEN),
        (say_nothing_after_the_dot, Phase.DOT_WRITTEN),
        (talk_rubbish_after_the_dot, Phase.DOT_WRITTEN),
        (answer_the_dot_with_354, Phase.DOT_WRITTEN),
    ],
)
async def test_the_outcome_says_how_far_the_message_got(deed, phase: Phase):
    async with misbehaving(deed, timeouts=replace(QUICK, dot=0.2)) as (server, _):
        session = await SmtpSession.open(server)
        outcome = await session.send(ENVELOPE, CONTENT)
    assert outcome.phase is phase
    assert outcome.problem
    assert not session.usable


async def test_a_line_that_breaks_while_a_long_text_is_written_leaves_nothing_unknown():
    async with misbehaving(hang_up_after_354) as (server, _):
        session = await SmtpSession.open(server)
        outcome = await session.send(ENVELOPE, b"x" * 70 + b"\r\n" * 2_000_000)
    assert outcome.phase is Phase.DATA_OPEN


@pytest.mark.parametrize(("answer", "later"), [("451 4.7.1 come back", True), ("552 5.2.2 full", False)])
async def test_a_no_at_the_dot_is_an_answer_and_the_connection_stays(answer: str, later: bool):
    async def deed(line: Line) -> None:
        await line.greet()
        await line.take_the_envelope()
        await line.hear_to_the_dot()
        await line.say(answer)
        await line.reader.read()

    async with misbehaving(deed) as (server, _):
        session = await SmtpSession.open(server)
        outcome = await session.send(ENVELOPE, CONTENT)
        assert session.usable
        session.abort()
    assert outcome.phase is Phase.ANSWERED
    assert outcome.reply is not None
    assert outcome.reply.later is later


async def test_a_server_that_closes_down_is_not_used_again():
    async def deed(line: Line) -> None:
        await line.greet()
        await line.hear()
        await line.say("421 4.3.2 closing")

    async with misbehaving(deed) as (server, _):
        session = await SmtpSession.open(server)
        outcome = await session.send(ENVELOPE, CONTENT)
    assert outcome.reply is not None
    assert outcome.reply.code == 421
    assert not session.usable


async def test_a_server_that_is_not_there_is_said_in_words():
    async with misbehaving(greet_only) as (server, _):
        pass
    with pytest.raises(SmtpError, match="connection refused"):
        await SmtpSession.open(server)


async def test_a_server_that_never_greets_is_given_up():
    async def deed(line: Line) -> None:
        await line.reader.read()

    async with misbehaving(deed, timeouts=replace(QUICK, command=0.1)) as (server, _):
        with pytest.raises(SmtpError, match="no answer in time"):
            await SmtpSession.open(server)


async def test_the_time_outs_are_those_of_the_standard():
    assert (Timeouts().command, Timeouts().data, Timeouts().block, Timeouts().dot) == (300, 120, 180, 600)


async def test_a_recipient_can_not_smuggle_a_command():
    async with real_server() as postbox:
        session = await SmtpSession.open(postbox.server)
        outcome = await session.send(replace(ENVELOPE, recipient="a@b.example>\r\nRCPT TO:<evil@b.example"), CONTENT)
    assert outcome.phase is Phase.BEFORE_DATA
    assert postbox.mails == []


# --- encryption and signing in -----------------------------------------------------------------------------------


def certificate(folder) -> ssl.SSLContext:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


async def test_offered_encryption_is_used_and_the_password_goes_only_through_it(tmp_path):
    postbox, passwords = Postbox(), []
    loop = asyncio.get_running_loop()

    def authenticate(server, session, envelope, mechanism, login) -> AuthResult:
        passwords.append((login.login, login.password))
        return AuthResult(success=True)

    context = certificate(tmp_path)

    def protocol() -> SMTP:
        return SMTP(postbox, loop=loop, tls_context=context, authenticator=authenticate, auth_required=True)

    server = await loop.create_server(protocol, "127.0.0.1", 0)
    postbox.port = server.sockets[0].getsockname()[1]
    signed_in = replace(postbox.server, tls="offered", user="sender", password="secret")
    session = await SmtpSession.open(signed_in)
    outcome = await session.send(ENVELOPE, CONTENT)
    await session.close()
    with pytest.raises(SmtpError, match="not encrypted"):
        await SmtpSession.open(replace(signed_in, tls="never"))
    with pytest.raises(SmtpError, match="encryption failed"):  # required means: the certificate has to be good
        await SmtpSession.open(replace(signed_in, tls="required"))
    server.close()
    assert outcome.reply is not None
    assert outcome.reply.accepted
    assert passwords == [(b"sender", b"secret")]


async def test_words_slipped_in_before_the_encryption_end_the_session():
    async def deed(line: Line) -> None:
        await line.greet("STARTTLS")
        await line.hear()
        await line.say("220 go on\r\n250-AUTH PLAIN\r\n250 HELP")
        await line.reader.read()

    async with misbehaving(deed) as (server, _):
        with pytest.raises(SmtpError, match="before the encryption"):
            await SmtpSession.open(replace(server, tls="offered"))
