"""A REST API after a beginner's video of 2020: Flask-RESTful with a database, chapter by chapter.

Each test is a chapter. The program is started as the video starts it, python main.py, and asked by
HTTP, as its test.py does. The texts are our own.
"""

from json_program import started, write

SABOTAGE = [
    "flask_restful/__init__.py:Api.add_resource",
    "flask_restful/__init__.py:marshal_with.__call__",
    "flask_restful/reqparse.py:RequestParser.parse_args",
]

MAIN = "\n\nif __name__ == '__main__':\n    app.run(debug=True, port=int(os.environ['PORT']))\n"


def program(text):
    """Write main.py and start it, as the video does."""
    write("main.py", "import os\n" + text + MAIN)
    return started("main.py")


def test_chapter_1_resource():
    """Chapter 1: a resource with an argument in its path, for GET and POST"""
    text = """from flask import Flask
from flask_restful import Api, Resource

app = Flask(__name__)
api = Api(app)
names = {'tim': {'age': 19}, 'bill': {'age': 70}}


class HelloWorld(Resource):
    def get(self, name):
        return names[name]

    def post(self, name):
        return {'data': 'Posted'}


api.add_resource(HelloWorld, '/helloworld/<string:name>')
"""
    with program(text) as ask:
        assert ask("GET", "/helloworld/tim") == (200, {"age": 19})
        assert ask("POST", "/helloworld/tim") == (200, {"data": "Posted"})


def test_chapter_2_arguments():
    """Chapter 2: reqparse checks what is sent, abort refuses what is there already"""
    text = """from flask import Flask
from flask_restful import Api, Resource, abort, reqparse

app = Flask(__name__)
api = Api(app)
parser = reqparse.RequestParser()
parser.add_argument('name', type=str, help='Name of the video is required', required=True)
parser.add_argument('likes', type=int, help='Likes of the video', required=True)
videos = {}


class Video(Resource):
    def get(self, video_id):
        if video_id not in videos:
            abort(404, message='Could not find video...')
        return videos[video_id]

    def put(self, video_id):
        if video_id in videos:
            abort(409, message='Video already exists...')
        videos[video_id] = parser.parse_args()
        return videos[video_id], 201

    def delete(self, video_id):
        del videos[video_id]
        return '', 204


api.add_resource(Video, '/video/<int:video_id>')
"""
    with program(text) as ask:
        tea = {"name": "Tea", "likes": 10}
        assert ask("GET", "/video/1") == (404, {"message": "Could not find video..."})
        refused = ask("PUT", "/video/1", likes=10)
        assert refused == (400, {"message": {"name": "Name of the video is required"}})
        assert ask("PUT", "/video/1", **tea) == (201, tea)
        assert ask("PUT", "/video/1", **tea)[0] == 409
        assert ask("DELETE", "/video/1")[0] == 204
        assert ask("GET", "/video/1")[0] == 404


def test_chapter_3_database():
    """Chapter 3: rows of Flask-SQLAlchemy are created, marshalled, changed"""
    text = """from flask import Flask
from flask_restful import Api, Resource, abort, fields, marshal_with, reqparse
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
api = Api(app)
app.config['SQLALCHEMY_DATABASE_URI'] = 'sqlite:///database.db'
db = SQLAlchemy(app)


class VideoModel(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(100), nullable=False)
    likes = db.Column(db.Integer, nullable=False)


with app.app_context():
    db.create_all()

parser = reqparse.RequestParser()
parser.add_argument('name', type=str)
parser.add_argument('likes', type=int)
resource_fields = {'id': fields.Integer, 'name': fields.String, 'likes': fields.Integer}


class Video(Resource):
    @marshal_with(resource_fields)
    def get(self, video_id):
        result = VideoModel.query.filter_by(id=video_id).first()
        if not result:
            abort(404, message='Could not find video with that id')
        return result

    @marshal_with(resource_fields)
    def put(self, video_id):
        video = VideoModel(id=video_id, **parser.parse_args())
        db.session.add(video)
        db.session.commit()
        return video, 201

    @marshal_with(resource_fields)
    def patch(self, video_id):
        result = VideoModel.query.filter_by(id=video_id).first()
        result.likes = parser.parse_args()['likes']
        db.session.commit()
        return result


api.add_resource(Video, '/video/<int:video_id>')
"""
    with program(text) as ask:
        assert ask("GET", "/video/2") == (404, {"message": "Could not find video with that id"})
        tea = {"id": 2, "name": "Tea", "likes": 10}
        assert ask("PUT", "/video/2", name="Tea", likes=10) == (201, tea)
        assert ask("PATCH", "/video/2", likes=11) == (200, dict(tea, likes=11))
        assert ask("GET", "/video/2") == (200, dict(tea, likes=11))
