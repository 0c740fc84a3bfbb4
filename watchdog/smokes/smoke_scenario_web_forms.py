"""Web forms as the Flask Mega-Tutorial introduces them: a login form with its errors, flashes."""

import os
import re

from flask import Flask, flash, get_flashed_messages, redirect, render_template, url_for
from flask_wtf import FlaskForm
from wtforms import BooleanField, PasswordField, SelectField, StringField, SubmitField
from wtforms import TextAreaField
from wtforms.validators import DataRequired, Length, Optional

SABOTAGE = [
    "flask_wtf/form.py:FlaskForm.hidden_tag",
    "flask_wtf/form.py:FlaskForm.is_submitted",
    "flask_wtf/csrf.py:validate_csrf",
]

LOGIN = """{% with messages = get_flashed_messages() %}
{% for message in messages %}<li>{{ message }}</li>{% endfor %}{% endwith %}
<form action="" method="post" novalidate>{{ form.hidden_tag() }}
<p>{{ form.username.label }}<br>{{ form.username(size=32) }}<br>
{% for error in form.username.errors %}<span class="error">[{{ error }}]</span>{% endfor %}</p>
<p>{{ form.password.label }}<br>{{ form.password(size=32) }}<br>
{% for error in form.password.errors %}<span class="error">[{{ error }}]</span>{% endfor %}</p>
<p>{{ form.remember_me() }} {{ form.remember_me.label }}</p><p>{{ form.submit() }}</p></form>
"""


class LoginForm(FlaskForm):
    username = StringField("Username", validators=[DataRequired()])
    password = PasswordField("Password", validators=[DataRequired()])
    remember_me = BooleanField("Remember Me")
    submit = SubmitField("Sign In")


class EditProfileForm(FlaskForm):
    about_me = TextAreaField("About me", validators=[Optional(), Length(min=0, max=140)])
    language = SelectField("Language", choices=[("en", "English"), ("es", "Espa\u00f1ol")])
    submit = SubmitField("Submit")


def create_app():
    os.makedirs("templates", exist_ok=True)
    with open("templates/login.html", "w") as file:
        file.write(LOGIN)
    with open("templates/edit.html", "w") as file:
        file.write("{{ form.hidden_tag() }}{{ form.about_me }}{{ form.language }}{{ form.errors }}")
    app = Flask(__name__, template_folder=os.path.abspath("templates"))
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")

    @app.route("/index")
    def index():
        return "; ".join(get_flashed_messages())

    @app.route("/login", methods=["GET", "POST"])
    def login():
        form = LoginForm()
        if form.validate_on_submit():
            flash(
                "Login requested for user {}, remember_me={}".format(
                    form.username.data, form.remember_me.data
                )
            )
            return redirect(url_for("index"))
        return render_template("login.html", title="Sign In", form=form)

    @app.route("/edit", methods=["GET", "POST"])
    def edit():
        form = EditProfileForm(data={"about_me": "I like <b>tea</b>", "language": "es"})
        if form.validate_on_submit():
            return form.language.data + ": " + form.about_me.data
        return render_template("edit.html", form=form)

    return app


def get_token(page):
    return re.search(r'name="csrf_token" type="hidden" value="([^"]+)"', page).group(1)


def test_login_form():
    """The login form is shown, accepts what is typed, and the next page shows the message"""
    client = create_app().test_client()
    page = client.get("/login").get_data(as_text=True)
    assert '<label for="username">Username</label>' in page
    assert re.search(r'<input [^>]*id="password" name="password"[^>]* type="password"', page)
    data = {"csrf_token": get_token(page), "username": "susan", "password": "cat"}
    response = client.post("/login", data=data)
    assert response.status_code == 302
    message = b"Login requested for user susan, remember_me=False"
    assert client.get(response.headers["Location"]).data == message
    data["remember_me"] = "y"
    response = client.post("/login", data=data, follow_redirects=True)
    assert response.data == message.replace(b"False", b"True")


def test_errors_are_shown():
    """A field left empty is named beside the field, and what was typed is kept"""
    client = create_app().test_client()
    token = get_token(client.get("/login").get_data(as_text=True))
    response = client.post("/login", data={"csrf_token": token, "username": '"><susan>'})
    page = response.get_data(as_text=True)
    assert page.count('<span class="error">[This field is required.]</span>') == 1
    assert re.search(r'value="&#34;&gt;&lt;susan&gt;"|value="&quot;&gt;&lt;susan&gt;"', page)


def test_csrf_token_is_needed():
    """A form sent without its token, or with that of another visitor, is not accepted"""
    client = create_app().test_client()
    stolen = get_token(create_app().test_client().get("/login").get_data(as_text=True))
    for token in ("", stolen):
        data = {"csrf_token": token, "username": "susan", "password": "cat"}
        response = client.post("/login", data=data)
        assert (response.status_code, client.get("/index").data) == (200, b"")


def test_form_with_data():
    """A form shows the data it is given, and changes are validated"""
    client = create_app().test_client()
    page = client.get("/edit").get_data(as_text=True)
    assert "I like &lt;b&gt;tea&lt;/b&gt;</textarea>" in page
    assert re.search(r'<option selected(="selected")? value="es">', page)
    data = {"csrf_token": get_token(page), "about_me": "coffee", "language": "en"}
    assert client.post("/edit", data=data).data == b"en: coffee"
    refused = client.post("/edit", data=dict(data, about_me="x" * 141, language="fr"))
    page = refused.get_data(as_text=True)
    assert "about_me" in page and "140 characters" in page and "Not a valid choice" in page
