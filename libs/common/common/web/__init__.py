"""The web layer every service stands on: forms, pages, sign-in, guards, languages. See ``create_app``."""

from common.errors import Sentence
from common.web import charts, navigation, times, tokens
from common.web.app import create_app
from common.web.cookies import drop_cookie, read_cookie, set_cookie
from common.web.csv_files import csv_cell, csv_response
from common.web.etags import check_match, etag
from common.web.forms import Form, read_form
from common.web.guards import body_limit
from common.web.hot import hot
from common.web.i18n import LANGUAGE_NAMES, LANGUAGES, Catalogs, language_of
from common.web.idempotency import (
    Call,
    Given,
    answer,
    claim_calls,
    idempotent,
    keep_answers,
    read_call,
    release_calls,
)
from common.web.limits import Turnstile, Use, count_uses, limit
from common.web.once import claim_forms, once, release_forms
from common.web.pages import gettext, is_fragment, redirect, render
from common.web.sessions import follow_sessions, here, safe_next
from common.web.site import caller
from common.web.transactions import Tx
from common.web.viewers import AdminOnly, MemberOnly, StaffOnly, Viewer, identify, require, viewer

__all__ = [
    "LANGUAGES",
    "LANGUAGE_NAMES",
    "AdminOnly",
    "Call",
    "Catalogs",
    "Form",
    "Given",
    "MemberOnly",
    "Sentence",
    "StaffOnly",
    "Turnstile",
    "Tx",
    "Use",
    "Viewer",
    "answer",
    "body_limit",
    "caller",
    "charts",
    "check_match",
    "claim_calls",
    "claim_forms",
    "count_uses",
    "create_app",
    "csv_cell",
    "csv_response",
    "drop_cookie",
    "etag",
    "follow_sessions",
    "gettext",
    "here",
    "hot",
    "idempotent",
    "identify",
    "is_fragment",
    "keep_answers",
    "language_of",
    "limit",
    "navigation",
    "once",
    "read_call",
    "read_cookie",
    "read_form",
    "redirect",
    "release_calls",
    "release_forms",
    "render",
    "require",
    "safe_next",
    "set_cookie",
    "times",
    "tokens",
    "viewer",
]
