"""marshmallow-sqlalchemy with Flask-SQLAlchemy: models are serialised and loaded by schemas."""

import flask
from flask_sqlalchemy import SQLAlchemy
from marshmallow_sqlalchemy import SQLAlchemyAutoSchema, SQLAlchemySchema, auto_field
from marshmallow_sqlalchemy.fields import Nested

SABOTAGE = [
    "marshmallow_sqlalchemy/convert.py:ModelConverter.fields_for_model",
    "marshmallow_sqlalchemy/load_instance_mixin.py:LoadInstanceMixin.Schema.make_instance",
    "marshmallow_sqlalchemy/schema.py:auto_field",
]

db = SQLAlchemy()


class Author(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(10), nullable=False)
    books = db.relationship("Book", backref="author")


class Book(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    title = db.Column(db.String)
    author_id = db.Column(db.Integer, db.ForeignKey("author.id"))


class BookSchema(SQLAlchemyAutoSchema):
    class Meta:
        model = Book
        load_instance = True
        include_fk = True


class AuthorSchema(SQLAlchemySchema):
    class Meta:
        model = Author
        load_instance = True

    id = auto_field()
    name = auto_field()
    books = Nested(BookSchema, many=True, exclude=("author_id",))


def create_app():
    app = flask.Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    db.init_app(app)
    with app.app_context():
        db.create_all()

    @app.route("/authors", methods=["POST"])
    def add():
        sent = flask.request.get_json()
        errors = AuthorSchema().validate(sent, session=db.session)
        if errors:
            return errors, 422
        author = AuthorSchema().load(sent, session=db.session)
        db.session.add(author)
        db.session.commit()
        return AuthorSchema().dump(author), 201

    @app.route("/books")
    def books():
        return flask.jsonify(BookSchema(many=True).dump(Book.query.all()))

    return app


def test_round_trip():
    """An author with books is loaded from JSON, stored, and dumped"""
    client = create_app().test_client()
    sent = {"name": "Ada", "books": [{"title": "Notes"}]}
    response = client.post("/authors", json=sent)
    assert response.status_code == 201
    stored = {"id": 1, "name": "Ada", "books": [{"id": 1, "title": "Notes"}]}
    assert response.get_json() == stored
    assert client.get("/books").get_json() == [{"id": 1, "title": "Notes", "author_id": 1}]


def test_validation():
    """What a column forbids is refused: too long, missing, of another type"""
    client = create_app().test_client()
    response = client.post("/authors", json={"name": "x" * 11})
    assert response.status_code == 422 and "Longer than" in response.get_json()["name"][0]
    assert client.post("/authors", json={}).status_code == 422
    assert "id" in client.post("/authors", json={"name": "a", "id": "x"}).get_json()


def test_existing_row():
    """A row that is there is changed, not made anew"""
    app = create_app()
    with app.app_context():
        db.session.add(Author(id=7, name="Ada"))
        db.session.commit()
        author = AuthorSchema().load({"id": 7, "name": "Bob"}, session=db.session)
        assert author is db.session.get(Author, 7) and author.name == "Bob"
