"""moto's server: Amazon's services mocked by a local web server, for clients of any language."""

import json
import threading
import uuid
from socketserver import BaseServer
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

SABOTAGE = [
    "moto/moto_server/werkzeug_app.py:create_backend_app",
    "moto/moto_server/werkzeug_app.py:DomainDispatcherApplication.get_application",
    "moto/s3/models.py:S3Backend.put_object",
    "moto/iam/models.py:IAMBackend.create_user",
]

SIGNED = (
    "AWS4-HMAC-SHA256 Credential=mock/20200101/us-east-1/%s/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=mock"
)


class Handler(WSGIRequestHandler):
    timeout = 5

    def log(self, *args, **kwargs):
        """Keep quiet."""


class Server:
    """A mock of the services on a free port, as `moto_server` starts it."""

    def __enter__(self):
        application = DomainDispatcherApplication(create_backend_app)
        self.server = make_server("127.0.0.1", 0, application, True, request_handler=Handler)
        polling = (self.server, 0.02)  # the default of 0.5 s makes each shutdown() wait as long
        self.thread = threading.Thread(target=BaseServer.serve_forever, args=polling, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *problem):
        self.server.shutdown()
        self.thread.join(5)
        self.server.server_close()

    def send(self, method, path, data=None, service="s3", **headers):
        url = "http://127.0.0.1:%d%s" % (self.server.server_port, path)
        request = Request(url, data=data, method=method)
        request.add_header("Authorization", SIGNED % service)
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        # The first request to a service imports its mock (and all others, years ago).
        with urlopen(request, timeout=30) as response:
            return response.read().decode()


def test_s3():
    """An object put into a bucket of S3 is listed, read and deleted"""
    bucket = "/shop-" + uuid.uuid4().hex
    with Server() as server:
        server.send("PUT", bucket)
        server.send("PUT", bucket + "/orders/1.txt", b"one apple", Content_Type="text/plain")
        assert server.send("GET", bucket + "/orders/1.txt") == "one apple"
        assert "<Name>%s</Name>" % bucket[1:] in server.send("GET", "/")
        assert "<Key>orders/1.txt</Key>" in server.send("GET", bucket)
        server.send("DELETE", bucket + "/orders/1.txt")
        try:
            server.send("GET", bucket + "/orders/1.txt")
        except HTTPError as error:
            assert error.code == 404
            error.close()
        else:
            raise AssertionError("the object is still there")


def test_dynamodb():
    """A table of DynamoDB keeps an item"""

    def call(server, action, **parameters):
        headers = {"X_Amz_Target": "DynamoDB_20120810." + action}
        headers["Content_Type"] = "application/x-amz-json-1.0"
        data = json.dumps(parameters).encode()
        return json.loads(server.send("POST", "/", data, "dynamodb", **headers))

    table = "users-" + uuid.uuid4().hex
    with Server() as server:
        call(
            server,
            "CreateTable",
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )
        user = {"id": {"S": "7"}, "name": {"S": "Ada"}}
        call(server, "PutItem", TableName=table, Item=user)
        assert call(server, "ListTables")["TableNames"] == [table]
        found = call(server, "GetItem", TableName=table, Key={"id": {"S": "7"}})
        assert found["Item"] == user


def test_iam():
    """IAM answers the older query protocol: a form sent, XML received"""
    name = "ada-" + uuid.uuid4().hex
    with Server() as server:
        form = "Version=2010-05-08&Action=CreateUser&UserName=" + name
        created = server.send("POST", "/", form.encode(), "iam")
        assert "<UserName>%s</UserName>" % name in created
        listed = server.send("POST", "/", b"Version=2010-05-08&Action=ListUsers", "iam")
        assert "<UserName>%s</UserName>" % name in listed
