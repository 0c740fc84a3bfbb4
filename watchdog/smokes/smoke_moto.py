"""moto's server: Amazon's services mocked by a local web server, for clients of any language."""

import json
import threading
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

SABOTAGE = [
    "moto/moto_server/werkzeug_app.py:create_backend_app",
    "moto/moto_server/werkzeug_app.py:DomainDispatcherApplication.get_application",
    "moto/s3/models.py:S3Backend.put_object",
    "moto/moto_api/_internal/responses.py:MotoAPIResponse.reset_response",
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
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.send("POST", "/moto-api/reset", service=None)
        return self

    def __exit__(self, *problem):
        self.server.shutdown()
        self.thread.join(5)
        self.server.server_close()

    def send(self, method, path, data=None, service="s3", **headers):
        url = "http://127.0.0.1:%d%s" % (self.server.server_port, path)
        request = Request(url, data=data, method=method)
        if service:
            request.add_header("Authorization", SIGNED % service)
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        with urlopen(request, timeout=5) as response:
            return response.read().decode()

    def status(self, *request):
        try:
            self.send(*request)
            return 200
        except HTTPError as error:
            error.close()
            return error.code


def test_s3():
    """An object put into a bucket of S3 is listed, read and deleted"""
    with Server() as server:
        server.send("PUT", "/shop")
        server.send("PUT", "/shop/orders/1.txt", b"one apple")
        assert server.send("GET", "/shop/orders/1.txt") == "one apple"
        assert "<Name>shop</Name>" in server.send("GET", "/")
        assert "<Key>orders/1.txt</Key>" in server.send("GET", "/shop")
        server.send("DELETE", "/shop/orders/1.txt")
        assert server.status("GET", "/shop/orders/1.txt") == 404


def test_dynamodb():
    """A table of DynamoDB keeps an item"""

    def call(server, action, **parameters):
        headers = {"X_Amz_Target": "DynamoDB_20120810." + action}
        headers["Content_Type"] = "application/x-amz-json-1.0"
        data = json.dumps(parameters).encode()
        return json.loads(server.send("POST", "/", data, "dynamodb", **headers))

    with Server() as server:
        call(
            server,
            "CreateTable",
            TableName="users",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )
        user = {"id": {"S": "7"}, "name": {"S": "Ada"}}
        call(server, "PutItem", TableName="users", Item=user)
        assert call(server, "ListTables")["TableNames"] == ["users"]
        found = call(server, "GetItem", TableName="users", Key={"id": {"S": "7"}})
        assert found["Item"] == user


def test_reset():
    """A reset forgets everything"""
    with Server() as server:
        server.send("PUT", "/shop")
        assert server.status("GET", "/shop") == 200
        server.send("POST", "/moto-api/reset", None, None)
        assert server.status("GET", "/shop") == 404
