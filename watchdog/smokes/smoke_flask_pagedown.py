"""Flask-PageDown: a form field for Markdown with a preview in the browser."""

from flask import Flask, render_template_string, request
from flask_pagedown import PageDown
from flask_pagedown.fields import PageDownField
from wtforms import Form

SABOTAGE = [
    "flask_pagedown/__init__.py:PageDown.init_app",
    "flask_pagedown/__init__.py:_pagedown.include_pagedown",
    "flask_pagedown/widgets.py:PageDown.__call__",
]


class PageDownForm(Form):
    text = PageDownField("Enter your *markdown*")


def create_app():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    pagedown = PageDown()
    pagedown.init_app(app)

    @app.route("/head")
    def head():
        return render_template_string("<head>{{ pagedown.include_pagedown() }}</head>")

    @app.route("/", methods=["GET", "POST"])
    def index():
        form = PageDownForm(request.form)
        if request.method == "POST" and form.validate():
            return "saved: " + form.text.data
        return render_template_string("{{ form.text(rows=10) }}", form=form)

    @app.route("/apart")
    def apart():
        template = "{{ form.text(only_preview=True) }}<hr>{{ form.text(only_input=True) }}"
        return render_template_string(template, form=PageDownForm(text="<b>*old*</b>"))

    return app


def get(path):
    response = create_app().test_client().get(path)
    assert response.status_code == 200
    return response.get_data(as_text=True)


def test_head():
    """The head of a page loads the PageDown scripts"""
    body = get("/head")
    assert "<script" in body
    assert "Markdown.Converter.min.js" in body
    assert "Markdown.Sanitizer.min.js" in body


def test_field_with_preview():
    """The field is a text area with a preview below it"""
    body = get("/")
    assert "<textarea" in body
    assert 'rows="10"' in body
    assert 'id="flask-pagedown-text"' in body
    assert 'id="flask-pagedown-text-preview"' in body
    assert body.index("</textarea>") < body.index("flask-pagedown-text-preview")


def test_preview_apart():
    """Preview and text area can be placed apart, and the old text is escaped"""
    preview, _, field = get("/apart").partition("<hr>")
    assert "flask-pagedown-text-preview" in preview
    assert "<textarea" not in preview
    assert "<textarea" in field
    assert "&lt;b&gt;*old*" in field
    assert "flask-pagedown-text-preview" not in field


def test_submit():
    """A submitted form brings the Markdown as it was typed"""
    response = create_app().test_client().post("/", data={"text": "# Title\n*words*"})
    assert response.get_data(as_text=True) == "saved: # Title\n*words*"
