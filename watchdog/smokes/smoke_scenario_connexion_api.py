"""A REST API after a written tutorial of 2022 in three parts: Connexion, SQLAlchemy, marshmallow.

Each test is a chapter. The files grow as the tutorial's do, and the program is started as it says,
python app.py. The texts are our own.
"""

import subprocess
import sys

from json_program import started, write

SABOTAGE = [
    "connexion/apis/flask_api.py:FlaskApi._add_operation_internal",
    "flask_marshmallow/__init__.py:Marshmallow.__init__",
    "flask_sqlalchemy/model.py:NameMetaMixin.__init__",
    "marshmallow/schema.py:Schema.load",
]

RUN = """

if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ["PORT"]), debug=True)
"""

PATHS = """openapi: 3.0.0
info:
  title: "People API"
  version: "1.0.0"
servers:
  - url: "/api"
components:
  schemas:
    Person:
      type: "object"
      required: [lname]
      properties:
        fname: {type: "string"}
        lname: {type: "string"}
  parameters:
    lname:
      name: "lname"
      in: path
      required: True
      schema: {type: "string"}
paths:
  /people:
    get:
      operationId: "people.read_all"
      responses:
        "200": {description: "Everybody"}
"""

MORE_PATHS = """    post:
      operationId: "people.create"
      requestBody:
        required: True
        content:
          application/json:
            schema:
              x-body-name: "person"
              $ref: "#/components/schemas/Person"
      responses:
        "201": {description: "Created"}
  /people/{lname}:
    get:
      operationId: "people.read_one"
      parameters:
        - $ref: "#/components/parameters/lname"
      responses:
        "200": {description: "One of them"}
    put:
      operationId: "people.update"
      parameters:
        - $ref: "#/components/parameters/lname"
      requestBody:
        content:
          application/json:
            schema:
              x-body-name: "person"
              $ref: "#/components/schemas/Person"
      responses:
        "200": {description: "Changed"}
    delete:
      operationId: "people.delete"
      parameters:
        - $ref: "#/components/parameters/lname"
      responses:
        "204": {description: "Gone"}
"""

ANSWERS = """from flask import abort, make_response

PEOPLE = {"Fairy": {"fname": "Tooth", "lname": "Fairy"}}


def read_all():
    return list(PEOPLE.values())


def create(person):
    lname = person.get("lname")
    if lname in PEOPLE:
        abort(406, "Person with last name %s already exists" % lname)
    PEOPLE[lname] = {"fname": person.get("fname", ""), "lname": lname}
    return PEOPLE[lname], 201


def read_one(lname):
    if lname not in PEOPLE:
        abort(404, "Person with last name %s not found" % lname)
    return PEOPLE[lname]


def update(lname, person):
    PEOPLE[lname]["fname"] = person.get("fname")
    return PEOPLE[lname]


def delete(lname):
    del PEOPLE[lname]
    return make_response("%s successfully deleted" % lname, 200)
"""

CONFIG = """import os
import pathlib
import connexion
from flask_marshmallow import Marshmallow
from flask_sqlalchemy import SQLAlchemy

basedir = pathlib.Path(__file__).parent.resolve()
connex_app = connexion.App(__name__, specification_dir=basedir)

app = connex_app.app
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///%s" % (basedir / "people.db")
app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False

db = SQLAlchemy(app)
ma = Marshmallow(app)
"""

MODELS = """from config import db, ma


class Person(db.Model):
    __tablename__ = "person"
    id = db.Column(db.Integer, primary_key=True)
    lname = db.Column(db.String(32), unique=True)
    fname = db.Column(db.String(32))


class PersonSchema(ma.SQLAlchemyAutoSchema):
    class Meta:
        model = Person
        load_instance = True
        sqla_session = db.session


person_schema = PersonSchema()
people_schema = PersonSchema(many=True)
"""

BUILD = """from config import app, db
from models import Person

with app.app_context():
    db.drop_all()
    db.create_all()
    db.session.add(Person(lname="Fairy", fname="Tooth"))
    db.session.commit()
"""

BUILD_WITH_NOTES = """from config import app, db
from models import Note, Person

with app.app_context():
    db.drop_all()
    db.create_all()
    new_person = Person(lname="Fairy", fname="Tooth")
    new_person.notes.append(Note(content="I brush my teeth after each meal."))
    db.session.add(new_person)
    db.session.commit()
"""

WITH_DATABASE = """from flask import abort, make_response
from config import db
from models import Person, person_schema, people_schema


def read_all():
    return people_schema.dump(Person.query.all())


def create(person):
    lname = person.get("lname")
    if Person.query.filter(Person.lname == lname).one_or_none() is not None:
        abort(406, "Person with last name %s already exists" % lname)
    new_person = person_schema.load(person, session=db.session)
    db.session.add(new_person)
    db.session.commit()
    return person_schema.dump(new_person), 201


def read_one(lname):
    person = Person.query.filter(Person.lname == lname).one_or_none()
    if person is None:
        abort(404, "Person with last name %s not found" % lname)
    return person_schema.dump(person)


def update(lname, person):
    existing_person = Person.query.filter(Person.lname == lname).one_or_none()
    update_person = person_schema.load(person, session=db.session)
    existing_person.fname = update_person.fname
    db.session.merge(existing_person)
    db.session.commit()
    return person_schema.dump(existing_person), 200


def delete(lname):
    existing_person = Person.query.filter(Person.lname == lname).one_or_none()
    db.session.delete(existing_person)
    db.session.commit()
    return make_response("%s successfully deleted" % lname, 200)
"""

WITH_NOTES = """from marshmallow_sqlalchemy import fields
from config import db, ma


class Note(db.Model):
    __tablename__ = "note"
    id = db.Column(db.Integer, primary_key=True)
    person_id = db.Column(db.Integer, db.ForeignKey("person.id"))
    content = db.Column(db.String, nullable=False)


class NoteSchema(ma.SQLAlchemyAutoSchema):
    class Meta:
        model = Note
        load_instance = True
        sqla_session = db.session
        include_fk = True


class Person(db.Model):
    __tablename__ = "person"
    id = db.Column(db.Integer, primary_key=True)
    lname = db.Column(db.String(32), unique=True)
    fname = db.Column(db.String(32))
    notes = db.relationship(
        Note, backref="person", cascade="all, delete, delete-orphan", single_parent=True
    )


class PersonSchema(ma.SQLAlchemyAutoSchema):
    class Meta:
        model = Person
        load_instance = True
        sqla_session = db.session
        include_relationships = True

    notes = fields.Nested(NoteSchema, many=True)


note_schema = NoteSchema()
person_schema = PersonSchema()
people_schema = PersonSchema(many=True)
"""


def test_chapter_1_home():
    """Part 1: a home page with Flask alone, started as python app.py"""
    write(
        "app.py",
        "import os\nfrom flask import Flask\n\napp = Flask(__name__)\n\n\n"
        "@app.route('/')\ndef home():\n    return 'Hello, People!'\n" + RUN,
    )
    with started("app.py") as ask:
        assert ask("GET", "/") == (200, "Hello, People!")


def start_api():
    """Write app.py as it is with Connexion, and start it."""
    write(
        "app.py",
        "import os\nimport connexion\n\n"
        "app = connexion.App(__name__, specification_dir='./')\napp.add_api('swagger.yml')\n\n\n"
        "@app.route('/')\ndef home():\n    return 'Hello, People!'\n" + RUN,
    )
    return started("app.py")


def test_chapter_2_endpoint():
    """Part 1: Connexion connects a function with a path of swagger.yml"""
    write("swagger.yml", PATHS)
    write("people.py", ANSWERS)
    with start_api() as ask:
        assert ask("GET", "/") == (200, "Hello, People!")
        assert ask("GET", "/api/people") == (200, [{"fname": "Tooth", "lname": "Fairy"}])


def check_people(ask):
    """Ask for everything that the API does."""
    status, person = ask("POST", "/api/people", fname="Knecht", lname="Ruprecht")
    assert (status, person["lname"]) == (201, "Ruprecht")
    assert ask("POST", "/api/people", lname="Ruprecht")[0] == 406
    assert ask("POST", "/api/people", fname="Nobody")[0] == 400
    assert ask("GET", "/api/people/Ruprecht")[1]["fname"] == "Knecht"
    assert ask("GET", "/api/people/Bunny")[0] == 404
    status, person = ask("PUT", "/api/people/Fairy", fname="Dental", lname="Fairy")
    assert (status, person["fname"]) == (200, "Dental")
    assert ask("DELETE", "/api/people/Ruprecht")[0] == 200
    assert [person["lname"] for person in ask("GET", "/api/people")[1]] == ["Fairy"]


def test_chapter_3_whole_api():
    """Part 1: people are created, read, changed and deleted; what is sent is validated"""
    write("swagger.yml", PATHS + MORE_PATHS)
    with start_api() as ask:
        check_people(ask)


def start_with_database(build):
    """Build the database, write app.py as it is with one, and start it."""
    write("build_database.py", build)
    done = subprocess.run([sys.executable, "build_database.py"], stderr=subprocess.PIPE)
    said = done.stderr.decode().strip().splitlines()[-1:]
    assert done.returncode == 0, said
    write(
        "app.py",
        "import os\nimport config\n\n"
        "app = config.connex_app\napp.add_api(config.basedir / 'swagger.yml')\n" + RUN,
    )
    return started("app.py")


def test_chapter_4_database():
    """Part 2: the people are rows of SQLAlchemy, and marshmallow serialises them"""
    write("config.py", CONFIG)
    write("models.py", MODELS)
    write("people.py", WITH_DATABASE)
    with start_with_database(BUILD) as ask:
        check_people(ask)


def test_chapter_5_relationship():
    """Part 3: each person has notes, which are nested in what is read"""
    write("models.py", WITH_NOTES)
    with start_with_database(BUILD_WITH_NOTES) as ask:
        (note,) = ask("GET", "/api/people/Fairy")[1]["notes"]
        assert note["content"] == "I brush my teeth after each meal."
