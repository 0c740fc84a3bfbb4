from __future__ import annotations

from dataclasses import replace

import pytest
from ecosystem import day
from hypothesis import given
from hypothesis import strategies as st
from samples import BREAKAGE, GOOD

from watchdog.facts.announcements import announced, announces, is_same_symbol, missing_name
from watchdog.model.evidence import CaughtWarning
from watchdog.model.history import Culprit, PastBreakage, Snapshot
from watchdog.model.lock import Lock
from watchdog.model.signature import missing_symbol

SITE = "site-packages/"
IN_1_0 = "is deprecated and will be removed in Werkzeug 1.0."
IN_2_4 = "is deprecated and will be removed in Werkzeug 2.4."
IN_FLASK_2_3 = "is deprecated and will be removed in Flask 2.3."
WIDGETS = "flask_wtf/recaptcha/widgets.py"
JINJA_MARKUP = (
    "'jinja2.Markup' is deprecated and will be removed in Jinja 3.1. "
    "Import 'markupsafe.Markup' instead."
)
DANGEROUS_JSON = (
    "Importing 'itsdangerous.json' is deprecated and will be removed in ItsDangerous 2.1. "
    "Use Python's 'json' module instead."
)
DISTUTILS = (
    "The distutils package is deprecated and slated for removal in Python 3.12. "
    "Use setuptools or check PEP 632 for potential alternatives"
)
LOOSE_VERSION = "distutils Version classes are deprecated. Use packaging.version instead."
ABCS = (
    "Using or importing the ABCs from 'collections' instead of from 'collections.abc' is "
    "deprecated since Python 3.3, and in 3.10 it will stop working"
)
MOVED_QUOTE = (
    f"The import 'werkzeug.url_quote' {IN_1_0} Use 'from werkzeug.urls import url_quote' instead."
)
JWS = (
    "JWS support is deprecated and will be removed in ItsDangerous 2.1. "
    "Use a dedicated JWS/JWT library such as authlib."
)
SAFE_STR_CMP = (
    "'safe_str_cmp' is deprecated and will be removed in Werkzeug 2.1. "
    "Use 'hmac.compare_digest' instead."
)
BASE_RESPONSE = (
    "'BaseResponse' is deprecated and will be removed in Werkzeug 2.1. "
    "Use 'isinstance(obj, Response)' instead."
)
VERSION = (
    "The '__version__' attribute is deprecated and will be removed in in a future version. "
    "Use feature detection or 'importlib.metadata.version(\"{}\")' instead."
)

# What broke in the past, and a warning that was once said to have announced it: breakages that
# share both are one line. Symbol, culprit, message, file and line of source; and the truth.
STORED: list[tuple[str, str, str, str, str, bool]] = [
    (
        "werkzeug.url_encode",
        "werkzeug",
        f"The import 'werkzeug.url_encode' {IN_1_0} "
        "Use 'from werkzeug.urls import url_encode' instead.",
        WIDGETS,
        "from werkzeug import url_encode",
        True,
    ),
    ("flask.Markup", "flask", JINJA_MARKUP, "flask_wtf/form.py", "return Markup(", False),
    (
        "flask.Markup",
        "flask",
        "'HTMLString' will be removed in WTForms 3.0. Use 'markupsafe.Markup' instead.",
        "flask_pagedown/widgets.py",
        "return HTMLString(html)",
        False,
    ),
    (
        "flask.json.JSONEncoder",
        "flask",
        DANGEROUS_JSON,
        "flask/json/__init__.py",
        '_slash_escape = "\\\\/" not in _json.dumps("/")',
        False,
    ),
    (
        "werkzeug.secure_filename",
        "werkzeug",
        f"The import 'werkzeug.secure_filename' {IN_1_0} "
        "Use 'from werkzeug.utils import secure_filename' instead.",
        "flask_uploads.py",
        "from werkzeug import secure_filename, FileStorage",
        True,
    ),
    (
        "wtforms.validators.Required",
        "wtforms",
        "Required is going away in WTForms 3.0, use DataRequired",
        "flask_admin/contrib/fileadmin/__init__.py",
        "path = fields.HiddenField(validators=[validators.Required()])",
        True,
    ),
    (
        "werkzeug.urls.url_decode_stream",
        "werkzeug",
        f"'werkzeug.urls.url_decode_stream' {IN_2_4} Use 'urllib.parse.parse_qs' instead.",
        "flask_api/request.py",
        "data = url_decode_stream(io.BytesIO(body))",
        True,
    ),
    (
        "marshmallow.__version__",
        "marshmallow",
        LOOSE_VERSION,
        "apispec/utils.py",
        'MIN_INCLUSIVE_VERSION = version.LooseVersion("2.0")',
        False,
    ),
    (
        "werkzeug.ImmutableDict",
        "werkzeug",
        f"The import 'werkzeug.ImmutableDict' {IN_1_0} "
        "Use 'from werkzeug.datastructures import ImmutableDict' instead.",
        "flask_babel/__init__.py",
        "from werkzeug import ImmutableDict",
        True,
    ),
    (
        "itsdangerous.json",
        "itsdangerous",
        DANGEROUS_JSON,
        "flask/json/__init__.py",
        '_slash_escape = "\\\\/" not in _json.dumps("/")',
        True,
    ),
    ("jinja2.Markup", "jinja2", JINJA_MARKUP, "flask_wtf/form.py", "return Markup(", True),
    ("distutils", "", DISTUTILS, "apispec/utils.py", "from distutils import version", True),
    ("distutils", "babel", DISTUTILS, "apispec/utils.py", "from distutils import version", True),
    (
        "flask._request_ctx_stack",
        "flask",
        f"'_request_ctx_stack' {IN_FLASK_2_3}",
        "flask_assets.py",
        "from flask import _request_ctx_stack, current_app",
        True,
    ),
    (
        "flask.helpers.locked_cached_property",
        "flask",
        "'locked_cached_property' is deprecated and will be removed in Flask 2.4. "
        "Use a lock inside the decorated function if locking is needed.",
        "flask_babel/__init__.py",
        "@locked_cached_property",
        True,
    ),
    (
        "werkzeug.security.safe_str_cmp",
        "werkzeug",
        SAFE_STR_CMP,
        "flask_bcrypt.py",
        "return safe_str_cmp(bcrypt.hashpw(password, pw_hash), pw_hash)",
        True,
    ),
    (
        "flask.globals._request_ctx_stack",
        "flask",
        "'_request_ctx_stack' is deprecated and will be remoevd in Flask 2.3.",
        "flask_debugtoolbar/__init__.py",
        "from flask.globals import _request_ctx_stack",
        True,
    ),
    (
        "collections.Mapping",
        "python",
        ABCS,
        "werkzeug/datastructures.py",
        "from collections import Container, Iterable, MutableSet",
        True,
    ),
    (
        "werkzeug.urls.url_decode",
        "werkzeug",
        f"'werkzeug.urls.url_decode' {IN_2_4} Use 'urllib.parse.parse_qs' instead.",
        "flask_login/utils.py",
        "md = url_decode(parsed_result.query)",
        True,
    ),
    (
        "packaging",
        "flask-moment",
        LOOSE_VERSION,
        "flask_moment/__init__.py",
        "if StrictVersion(version) >= StrictVersion('2.8.0') \\",
        False,
    ),
    (
        "werkzeug.url_quote",
        "werkzeug",
        MOVED_QUOTE,
        "flask_oauthlib/client.py",
        "from werkzeug import url_quote, url_decode, url_encode",
        True,
    ),
    # It recommends what Werkzeug 3.0 took away later.
    (
        "werkzeug.urls.url_quote",
        "werkzeug",
        MOVED_QUOTE,
        "flask_oauthlib/client.py",
        "from werkzeug import url_quote, url_decode, url_encode",
        False,
    ),
    (
        "itsdangerous.JSONWebSignatureSerializer",
        "itsdangerous",
        JWS,
        "flask_oidc/__init__.py",
        "self.extra_data_serializer = JSONWebSignatureSerializer(",
        True,
    ),
    (
        "werkzeug.urls.url_quote",
        "werkzeug",
        f"'werkzeug.urls.url_quote' {IN_2_4} Use 'urllib.parse.quote' instead.",
        "flask_openid.py",
        "return request.base_url + '?next=' + url_quote(self.get_next_url())",
        True,
    ),
    (
        "werkzeug.cached_property",
        "werkzeug",
        f"The import 'werkzeug.cached_property' {IN_1_0} "
        "Use 'from werkzeug.utils import cached_property' instead.",
        "flask_restplus/fields.py",
        "from werkzeug import cached_property",
        True,
    ),
    (
        "flask._app_ctx_stack",
        "flask",
        f"'_app_ctx_stack' {IN_FLASK_2_3}",
        "flask_seasurf.py",
        "from flask import (_app_ctx_stack, current_app, g, has_request_context, request,",
        True,
    ),
    (
        "pkg_resources",
        "python",
        "pkg_resources is deprecated as an API",
        "pkg_resources/__init__.py",
        'warnings.warn("pkg_resources is deprecated as an API", DeprecationWarning)',
        True,
    ),
    (
        "werkzeug.wrappers.BaseResponse",
        "werkzeug",
        BASE_RESPONSE,
        "flask/app.py",
        "elif isinstance(rv, BaseResponse) or callable(rv):",
        True,
    ),
    (
        "jinja2.escape",
        "jinja2",
        "invalid escape sequence \\*",
        "blinker/base.py",
        '"""Connect *receiver* to signal events sent by *sender*.',
        False,
    ),
]

ADDITIONAL: list[tuple[str, str, str, str, str, bool]] = [
    (
        "flask.Markup",
        "flask",
        "'flask.Markup' is deprecated and will be removed in Flask 2.4. "
        "Import 'markupsafe.Markup' instead.",
        "flask_paginate/__init__.py",
        "from flask import Markup",
        True,
    ),
    (
        "flask.json.JSONEncoder",
        "flask",
        f"'JSONEncoder' {IN_FLASK_2_3} "
        "Use 'Flask.json' to provide an alternate JSON implementation instead.",
        "flask/json/provider.py",
        "return json.dumps(obj, **kwargs)",
        True,
    ),
    # The attribute of which package? The advice says it.
    (
        "marshmallow.__version__",
        "marshmallow",
        VERSION.format("marshmallow"),
        "flask_apispec/wrapper.py",
        "[int(part) for part in ma.__version__.split('.') if part.isdigit()]",
        True,
    ),
    (
        "marshmallow.__version__",
        "marshmallow",
        VERSION.format("apispec"),
        "flask_apispec/apidoc.py",
        "[int(part) for part in apispec.__version__.split('.') if part.isdigit()]",
        False,
    ),
    # A bare name of another package, or of none.
    ("flask.json.BaseResponse", "flask", BASE_RESPONSE, "flask/app.py", "", False),
    ("werkzeug.urls.url_decode", "werkzeug", "'url_decode' is deprecated", "x.py", "x()", False),
    (
        "werkzeug.urls.url_decode",
        "werkzeug",
        "'url_decode' is deprecated",
        "x.py",
        "from werkzeug.urls import url_decode",
        True,
    ),
    (
        "werkzeug.urls.url_decode",
        "werkzeug",
        "'url_decode' is deprecated",
        "x.py",
        "from quart.urls import url_decode",
        False,
    ),
    (
        "werkzeug.urls.url_decode",
        "werkzeug",
        "'url_decode' is deprecated",
        "werkzeug/urls.py",
        "warnings.warn(",
        True,
    ),
    # A function that goes away is not its module.
    ("werkzeug.urls", "werkzeug", f"'werkzeug.urls.url_quote' {IN_2_4}", "x.py", "", False),
    # Whole identifiers.
    ("werkzeug.urls.url_decode", "werkzeug", f"'url_decode_stream' {IN_2_4}", "x.py", "", False),
    ("flask.escape", "flask", f"'flask.escape_silent' {IN_FLASK_2_3}", "x.py", "", False),
    # What is beside the subject of the sentence is not announced.
    (
        "jinja2.pass_context",
        "jinja2",
        "'contextfunction' is renamed to 'pass_context', the old name will be removed in "
        "Jinja 3.1.",
        "flask_admin/helpers.py",
        "def resolve_ctx(context):",
        False,
    ),
    (
        "jinja2.contextfunction",
        "jinja2",
        "'contextfunction' is renamed to 'pass_context', the old name will be removed in "
        "Jinja 3.1.",
        "flask_admin/helpers.py",
        "def resolve_ctx(context):",
        True,
    ),
    (
        "werkzeug.datastructures.Authorization",
        "werkzeug",
        "Treating 'Authorization' and 'WWWAuthenticate' as a dict is deprecated and will be "
        "removed in Werkzeug 2.4. Use the 'parameters' attribute instead.",
        "oauthlib/common.py",
        "dict(data)",
        False,
    ),
    (
        "wtforms.SelectField",
        "wtforms",
        "Passing SelectField choices as tuples is deprecated and will be removed in wtforms 3.4. "
        "Please use SelectChoice instead.",
        "flask_admin/form/fields.py",
        "super().__init__(",
        False,
    ),
    (
        "flask.current_app",
        "flask",
        "Flask recommends accessing the app instance via `flask.current_app`. In future "
        "releases, this will wrap current_app, and raise a RuntimeError",
        "flask_flatpages/flatpages.py",
        "warnings.warn(",
        False,
    ),
    (
        "flask.current_app",
        "flask",
        f"'_request_ctx_stack' {IN_FLASK_2_3}",
        "x.py",
        "from flask import _request_ctx_stack, current_app",
        False,
    ),
    (
        "sqlalchemy.create_engine",
        "sqlalchemy",
        "The create_engine.convert_unicode parameter and corresponding dialect-level parameters "
        "are deprecated, and will be removed in a future release.",
        "sqlalchemy/dialects/sqlite/base.py",
        "default.DefaultDialect.__init__(self, **kwargs)",
        False,
    ),
    # Modules, and what is in them.
    (
        "authlib.jose.ECKey",
        "authlib",
        "authlib.jose module is deprecated, please use joserfc instead.",
        "authlib/_joserfc_helpers.py",
        "from authlib.jose import ECKey",
        True,
    ),
    (
        "cgi",
        "python",
        "'cgi' is deprecated and slated for removal in Python 3.13",
        "x.py",
        "import cgi",
        True,
    ),
    (
        "cgi.parse_header",
        "python",
        "'cgi' is deprecated and slated for removal in Python 3.13",
        "babel/messages/catalog.py",
        "from cgi import parse_header",
        True,
    ),
    (
        "imp",
        "python",
        "the imp module is deprecated in favour of importlib and slated for removal in Python "
        "3.12; see the module's documentation for alternative uses",
        "flasgger/utils.py",
        "import imp",
        True,
    ),
    ("six", "six", "'six' is deprecated and will be removed in Moto 3.0", "x.py", "", False),
    # PEP 8 writes a name that is a keyword with an underscore.
    (
        "jinja2.ext.with_",
        "jinja2",
        "The 'with' extension is deprecated and will be removed in Jinja 3.1. "
        "This is built in now.",
        "jinja2/environment.py",
        "result[extension.identifier] = extension(environment)",
        True,
    ),
    (
        "ast.Str",
        "python",
        "ast.Str is deprecated and will be removed in Python 3.14; use ast.Constant instead",
        "x.py",
        "",
        True,
    ),
    (
        "ast.Constant",
        "python",
        "ast.Str is deprecated and will be removed in Python 3.14; use ast.Constant instead",
        "x.py",
        "",
        False,
    ),
    (
        "inspect.getargspec",
        "python",
        "inspect.getargspec() is deprecated since Python 3.0, use "
        "inspect.signature() or inspect.getfullargspec()",
        "x.py",
        "",
        True,
    ),
    (
        "pytest.yield_fixture",
        "pytest",
        "@pytest.yield_fixture is deprecated.\nUse @pytest.fixture instead; they are the same.",
        "x.py",
        "",
        True,
    ),
    (
        "pytest.fixture",
        "pytest",
        "@pytest.yield_fixture is deprecated.\nUse @pytest.fixture instead; they are the same.",
        "x.py",
        "",
        False,
    ),
    # One path of two by which a package offers a name.
    (
        "jsonschema.validators.RefResolver",
        "jsonschema",
        "jsonschema.RefResolver is deprecated as "
        "of v4.18.0, in favor of the https://example.org library",
        "x.py",
        "",
        True,
    ),
    ("flask.wrappers.dumps", "flask", f"'flask.json.dumps' {IN_FLASK_2_3}", "x.py", "", False),
    (
        "sqlalchemy.engine.Inspector.from_engine",
        "sqlalchemy",
        "The from_engine() method on "
        "Inspector is deprecated and will be removed in SQLAlchemy 2.0.",
        "x.py",
        "",
        True,
    ),
    ("collections.OrderedDict", "python", ABCS, "x.py", "", False),
    # A feature without a name: the line of source has it.
    ("itsdangerous.JSONWebSignatureSerializer", "itsdangerous", JWS, "x.py", "x = y(z)", False),
]


def breakage_of(missing: str, culprit: str) -> PastBreakage:
    """Return a breakage in which a symbol was missing."""
    return replace(
        BREAKAGE,
        missing=missing,
        symptom=f"ImportError: {missing}",
        culprit=Culprit(culprit, "3", "2") if culprit else None,
        works=Lock((("babel", "2"), ("flask", "2"), ("jinja2", "2"), ("werkzeug", "2"))),
    )


def moment(number: int, message: str, file: str = "x.py", code: str = "") -> Snapshot:
    """Return a snapshot in which a deprecation warning was raised."""
    warning = CaughtWarning("DeprecationWarning", message, SITE + file, 1, code)
    return Snapshot(day(number), "3.11", GOOD, warnings=(warning,))


@pytest.mark.parametrize(
    ("missing", "culprit", "message", "file", "code", "expected"), [*STORED, *ADDITIONAL]
)
def test_announced_symbol(
    missing: str, culprit: str, message: str, file: str, code: str, expected: bool
) -> None:
    """A warning announces a breakage if its sentence is about the package and the symbol."""
    result = announced(breakage_of(missing, culprit), [moment(1, message, file, code)])
    assert result == ((day(1), message) if expected else None)


LOG = 'File ".../site-packages/flask_session/sessions.py", line 1, in open_session'
COOKIE_NAME = (
    f"'session_cookie_name' {IN_FLASK_2_3} Use 'SESSION_COOKIE_NAME' in 'app.config' instead."
)
CHARSET = (
    "The 'charset' attribute is deprecated and will not be used in Werkzeug 2.4. "
    "Text in body and cookie data will always use UTF-8."
)
LOOP = "The loop argument is deprecated since Python 3.8, and scheduled for removal in Python 3.10."
IS_XHR = "Request.is_xhr is deprecated. Given that the X-Requested-With header is not a part"


@pytest.mark.parametrize(
    ("symptom", "culprit", "message", "file", "code", "expected"),
    [
        (
            "AttributeError: 'Request' object has no attribute 'is_xhr'",
            "werkzeug",
            IS_XHR,
            "flask_debugtoolbar/__init__.py",
            "not real_request.is_xhr):",
            True,
        ),
        (
            "AttributeError: 'Response' object has no attribute 'is_xhr'",
            "werkzeug",
            IS_XHR,
            "flask_debugtoolbar/__init__.py",
            "not real_request.is_xhr):",
            False,
        ),
        (
            "AttributeError: 'Flask' object has no attribute 'session_cookie_name'",
            "flask",
            COOKIE_NAME,
            "flask_session/sessions.py",
            "sid = request.cookies.get(app.session_cookie_name)",
            True,
        ),
        (
            "AttributeError: 'Flask' object has no attribute 'session_cookie_name'",
            "werkzeug",
            COOKIE_NAME,
            "flask_session/sessions.py",
            "sid = request.cookies.get(app.session_cookie_name)",
            False,
        ),
        (
            "AttributeError: 'Blueprint' object has no attribute 'before_app_first_request'",
            "flask",
            f"'before_app_first_request' {IN_FLASK_2_3} Use 'record_once' instead",
            "flask/scaffold.py",
            "return f(self, *args, **kwargs)",
            True,
        ),
        (
            "AttributeError: 'Flask' object has no attribute 'before_first_request_funcs'",
            "flask",
            f"'before_first_request' {IN_FLASK_2_3}",
            "flask/scaffold.py",
            "return f(self, *args, **kwargs)",
            False,
        ),
        (
            "AttributeError: 'FlaskAPI' object has no attribute 'json_encoder'",
            "flask",
            f"'app.json_encoder' {IN_FLASK_2_3}",
            "flask_session/sessions.py",
            "return json.dumps(data, cls=current_app.json_encoder)",
            True,
        ),
        # The attribute of another class: another line of source reads it.
        (
            "AttributeError: 'Map' object has no attribute 'charset'",
            "werkzeug",
            CHARSET,
            "flask_debugtoolbar/__init__.py",
            "response_html = response.data.decode(response.charset)",
            False,
        ),
        (
            "TypeError: BaseEventLoop.create_server() got an unexpected keyword argument 'loop'",
            "python",
            LOOP,
            "hypercorn/asyncio/run.py",
            "await asyncio.start_server(",
            True,
        ),
        (
            "TypeError: create_server() got an unexpected keyword argument 'loop'",
            "hypercorn",
            LOOP,
            "hypercorn/asyncio/run.py",
            "await asyncio.start_server(",
            False,
        ),
        (
            "TypeError: create_engine() got an unexpected keyword argument 'convert_unicode'",
            "sqlalchemy",
            "The create_engine.convert_unicode parameter is deprecated",
            "x.py",
            "",
            True,
        ),
        ("TimeoutError: timed out", "flask", COOKIE_NAME, "x.py", "", False),
        ("KeyError: 'session_cookie_name'", "flask", COOKIE_NAME, "x.py", "", False),
    ],
)
def test_announced_attribute(
    symptom: str, culprit: str, message: str, file: str, code: str, expected: bool
) -> None:
    """Attributes of objects and keyword arguments are announced too."""
    breakage = replace(
        BREAKAGE, symptom=symptom, culprit=Culprit(culprit, "3", "2"), missing=None, log=LOG
    )
    result = announced(breakage, [moment(1, message, file, code)])
    assert result == ((day(1), message) if expected else None)


def test_announced_before_it_broke() -> None:
    """The first announcement counts, and none that came with the breakage or after it."""
    breakage = replace(BREAKAGE, missing="flask.Markup", warned=(day(1), "as stored"))
    text = "'flask.Markup' is deprecated."
    line = [moment(1, JINJA_MARKUP), moment(2, text), moment(3, f"{text} Really.")]
    assert announced(replace(breakage, broken_from=day(4)), line) == (day(2), text)
    assert announced(replace(breakage, broken_from=day(2)), line) is None
    assert announced(replace(breakage, broken_from=day(4)), line[::-1]) == (day(2), text)


def test_announces_category() -> None:
    """The category ties a bare name to its package; a warning of another kind announces nothing."""
    symptom = "cannot import name 'int_from_bytes' from 'cryptography.utils'"
    missing = missing_name(replace(BREAKAGE, symptom=symptom, missing=missing_symbol(symptom)))
    assert missing is not None
    text = "int_from_bytes is deprecated, use int.from_bytes instead"
    warning = CaughtWarning("CryptographyDeprecationWarning", text, "site-packages/jose/b.py", 1)
    assert announces(warning, missing)
    assert not announces(replace(warning, category="PydanticDeprecatedSince20"), missing)
    assert not announces(replace(warning, category="UserWarning"), missing)


@pytest.mark.parametrize(
    ("symbol", "missing", "expected"),
    [
        ("werkzeug.urls.url_quote", "werkzeug.urls.url_quote", True),
        ("flask._request_ctx_stack.top", "flask._request_ctx_stack", True),
        ("flask.globals._request_ctx_stack", "flask._request_ctx_stack", True),
        ("flask.scaffold", "flask.scaffold.Scaffold", True),
        ("werkzeug.urls.url_quote_plus", "werkzeug.urls.url_quote", False),
        ("jinja2.Markup", "flask.Markup", False),
        ("flask", "flask.Markup", False),
        ("werkzeug.contrib.cache", "werkzeug.contrib", True),
    ],
)
def test_is_same_symbol(symbol: str, missing: str, expected: bool) -> None:
    """A symbol that the source uses is what went missing if package and name are the same."""
    name = missing_name(replace(BREAKAGE, missing=missing))
    assert name is not None
    assert is_same_symbol(symbol, name) is expected


@given(st.text(max_size=300), st.text(max_size=100))
def test_announces_any_text(message: str, code: str) -> None:
    """Whatever a package warns of, it is read without an error."""
    warning = CaughtWarning("DeprecationWarning", f"{message} is deprecated", "x.py", 1, code)
    missing = missing_name(replace(BREAKAGE, missing="flask.Markup"))
    assert missing is not None
    assert announces(warning, missing) in (True, False)
