"""Flask-WTF: forms that validate, CSRF protection, an uploaded file, a reCAPTCHA field."""

import importlib.metadata
import importlib.util
import io
import re
import unittest

from flask import Blueprint, Flask, jsonify, render_template_string
from flask_wtf import FlaskForm, RecaptchaField
from flask_wtf.csrf import CSRFError, CSRFProtect
from flask_wtf.file import FileAllowed, FileField, FileRequired
from wtforms import FieldList, Form, FormField, StringField
from wtforms.validators import DataRequired, Email, Length

SABOTAGE = [
    "flask_wtf/form.py:FlaskForm.hidden_tag",
    "flask_wtf/csrf.py:CSRFProtect.init_app",
    "flask_wtf/file.py:FileField.process_formdata",
    "flask_wtf/recaptcha/widgets.py:RecaptchaWidget.__call__",
    "flask_wtf/csrf.py:CSRFProtect._error_response",
    "flask_wtf/recaptcha/validators.py:Recaptcha.__call__",
    "flask_wtf/file.py:MultipleFileField.process_formdata",
]

TEMPLATE = '<form method="post">{{ form.hidden_tag() }}{{ form.name(size=20) }}</form>'

CONTACT = """{{ form.csrf_token }}{{ form.home.number }}
{% for entry in form.others %}{{ entry.number }}{% endfor %}{{ form.errors }}"""


class NameForm(FlaskForm):
    name = StringField("name", validators=[DataRequired(), Length(max=10)])


class PhotoForm(FlaskForm):
    photo = FileField(validators=[FileRequired(), FileAllowed(["png"], "Images only!")])


class PhoneForm(Form):
    number = StringField("number", validators=[DataRequired()])


class ContactForm(FlaskForm):
    home = FormField(PhoneForm)
    others = FieldList(FormField(PhoneForm), min_entries=1, max_entries=3)


class SignupForm(FlaskForm):
    name = StringField("name")
    recaptcha = RecaptchaField()


def create_app():
    app = Flask(__name__)
    app.config.update(
        TESTING=True,
        SECRET_KEY="a secret key of at least 32 bytes",
        RECAPTCHA_PUBLIC_KEY="the-public-key",
        RECAPTCHA_PRIVATE_KEY="the-private-key",
    )
    csrf = CSRFProtect()
    csrf.init_app(app)

    @app.route("/name", methods=["GET", "POST"])
    def name():
        form = NameForm()
        if form.validate_on_submit():
            return "hello " + form.name.data
        if form.is_submitted():
            return jsonify(form.errors)
        return render_template_string(TEMPLATE, form=form)

    @app.route("/api", methods=["GET", "POST"])
    def api():
        return render_template_string("{{ csrf_token() }}")

    @app.route("/webhook", methods=["POST"])
    @csrf.exempt
    def webhook():
        return "received"

    @app.route("/photo", methods=["POST"])
    @csrf.exempt
    def photo():
        form = PhotoForm(meta={"csrf": False})
        if form.validate_on_submit():
            return form.photo.data.filename + ":" + form.photo.data.read().decode()
        return jsonify(form.errors)

    @app.errorhandler(CSRFError)
    def handle_csrf_error(e):
        return "refused: " + e.description, 400

    @app.route("/contact", methods=["GET", "POST"])
    def contact():
        form = ContactForm()
        if form.validate_on_submit():
            return jsonify(home=form.home.data, others=form.others.data)
        return render_template_string(CONTACT, form=form)

    hooks = Blueprint("hooks", __name__)

    @hooks.route("/hooks/paid", methods=["POST"])
    def paid():
        return "paid"

    csrf.exempt(hooks)
    app.register_blueprint(hooks)

    @app.route("/signup")
    def signup():
        return render_template_string("{{ form.recaptcha }}", form=SignupForm())

    return app


def test_form_validates():
    """A form shows its fields, names what is wrong and accepts what is right"""
    client = create_app().test_client()
    page = client.get("/name").get_data(as_text=True)
    assert 'name="name"' in page and 'size="20"' in page
    token = re.search(r'name="csrf_token" type="hidden" value="([^"]+)"', page).group(1)
    assert client.post("/name", data={"csrf_token": token, "name": "Ada"}).data == b"hello Ada"
    errors = client.post("/name", data={"csrf_token": token, "name": ""}).get_json()
    assert errors == {"name": ["This field is required."]}
    errors = client.post("/name", data={"csrf_token": token, "name": "A" * 11}).get_json()
    assert errors == {"name": ["Field cannot be longer than 10 characters."]}


def test_csrf_protection():
    """A post without its CSRF token is refused, one with it or exempt is accepted"""
    client = create_app().test_client()
    refused = client.post("/api")
    assert refused.status_code == 400 and b"CSRF token is missing" in refused.data
    token = client.get("/api").get_data(as_text=True)
    assert client.post("/api", headers={"X-CSRFToken": token}).status_code == 200
    assert client.post("/api", data={"csrf_token": token}).status_code == 200
    assert client.post("/api", headers={"X-CSRFToken": token + "x"}).status_code == 400
    assert client.post("/webhook").data == b"received"


def test_file_upload():
    """An uploaded file reaches the form; the wrong kind or none is refused"""
    client = create_app().test_client()
    png = client.post("/photo", data={"photo": (io.BytesIO(b"pixels"), "me.png")})
    assert png.data == b"me.png:pixels"
    text = client.post("/photo", data={"photo": (io.BytesIO(b"words"), "me.txt")})
    assert text.get_json() == {"photo": ["Images only!"]}
    assert client.post("/photo", data={}).get_json() == {"photo": ["This field is required."]}


def test_recaptcha():
    """A reCAPTCHA field renders its script and the site's public key"""
    page = create_app().test_client().get("/signup").get_data(as_text=True)
    assert "recaptcha/api.js" in page
    assert 'data-sitekey="the-public-key"' in page


def test_email_field():
    """An e-mail address is validated, as it needed no more than WTForms before there was an extra"""
    if "email" in (importlib.metadata.metadata("flask-wtf").get_all("Provides-Extra") or []):
        raise unittest.SkipTest("since Flask-WTF 0.15 this needs the extra flask-wtf[email]")
    app = create_app()

    class EmailForm(FlaskForm):
        email = StringField("email", validators=[Email()])

    for address, right in [("ada@gmail.com", True), ("ada", False)]:
        with app.test_request_context(method="POST", data={"email": address}):
            assert EmailForm(meta={"csrf": False}).validate_on_submit() is right


def test_nested_forms():
    """A form in a form and a list of forms are rendered, filled in and validated"""
    client = create_app().test_client()
    page = client.get("/contact").get_data(as_text=True)
    assert 'name="home-number"' in page and 'name="others-0-number"' in page
    token = re.search(r'name="csrf_token" type="hidden" value="([^"]+)"', page).group(1)
    data = {"csrf_token": token, "home-number": "1", "others-0-number": "2", "others-1-number": "3"}
    expected = {"home": {"number": "1"}, "others": [{"number": "2"}, {"number": "3"}]}
    assert client.post("/contact", data=data).get_json() == expected
    data["others-1-number"] = ""
    page = client.post("/contact", data=data).get_data(as_text=True)
    assert "This field is required." in page


def test_csrf_error_page():
    """The application's own page for a CSRFError is shown; an exempt blueprint needs no token"""
    client = create_app().test_client()
    refused = client.post("/name", data={"name": "Ada"})
    assert (refused.status_code, refused.data) == (400, b"refused: The CSRF token is missing.")
    assert client.post("/hooks/paid").data == b"paid"


def test_multiple_files():
    """Several files are uploaded by one field; one of the wrong kind is refused"""
    try:
        from flask_wtf.file import MultipleFileField
    except ImportError as error:
        raise unittest.SkipTest("MultipleFileField is new in Flask-WTF 1.2") from error
    app = create_app()

    class PhotosForm(FlaskForm):
        photos = MultipleFileField(validators=[FileRequired(), FileAllowed(["png"])])

    @app.route("/photos", methods=["POST"], endpoint="photos")
    def photos():
        form = PhotosForm(meta={"csrf": False})
        return jsonify(form.validate_on_submit(), [file.filename for file in form.photos.data])

    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    client = app.test_client()
    for last, accepted in (("b.png", True), ("b.txt", False)):
        files = [(io.BytesIO(b"pixels"), "a.png"), (io.BytesIO(b"pixels"), last)]
        answer = client.post("/photos", data={"photos": files}).get_json()
        assert answer == [accepted, ["a.png", last]]


def test_recaptcha_without_answer():
    """A form that is sent without an answer to its reCAPTCHA is not valid, and says why"""
    app = create_app()

    @app.route("/join", methods=["POST"])
    def join():
        form = SignupForm(meta={"csrf": False})
        return jsonify(form.validate_on_submit(), form.errors)

    app.config.update(TESTING=False, WTF_CSRF_CHECK_DEFAULT=False)
    answer = app.test_client().post("/join", data={"name": "Ada"})
    assert answer.status_code == 200, answer.get_data(as_text=True)
    assert answer.get_json() == [False, {"recaptcha": ["The response parameter is missing."]}]


def test_html5_fields():
    """The fields of HTML5 that it had before WTForms are rendered with their types"""
    if importlib.util.find_spec("flask_wtf.html5") is None:
        raise unittest.SkipTest("since Flask-WTF 1.0 these fields are those of WTForms")
    from flask_wtf.html5 import EmailField, URLField

    class ProfileForm(FlaskForm):
        email = EmailField("email")
        page = URLField("page")

    with create_app().test_request_context():
        form = ProfileForm(meta={"csrf": False})
        assert 'type="email"' in form.email() and 'type="url"' in form.page()
