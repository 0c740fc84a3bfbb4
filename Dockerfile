# For people who would rather not run strangers' code on their own machine:
#   docker build -t flask-watchdog .
#   docker run --rm -v "$PWD/reports:/watchdog/reports" flask-watchdog nox -s matrix
# It runs as a user of its own; the container holds nothing else.
FROM python:3.13-slim-bookworm

# redis-server: a service of the smokes; git: for `candidate git+URL`; the compilers: old source
# distributions are built.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends redis-server git gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home watchdog && mkdir /watchdog && chown watchdog /watchdog
USER watchdog
WORKDIR /watchdog
ENV PATH=/home/watchdog/.local/bin:$PATH
RUN python -m pip install --user --no-cache-dir "nox[uv]"

COPY --chown=watchdog pyproject.toml README.md LICENSE noxfile.py matrix.yaml ./
COPY --chown=watchdog watchdog watchdog
# What is known of the past comes with it.
COPY --chown=watchdog reports reports
# The Pythons of matrix.yaml; one that cannot be had is counted as not judged.
RUN nox -s matrix --install-only \
    && for python in $(.nox/matrix/bin/flask-watchdog pythons --missing); do \
         .nox/matrix/bin/uv python install "$python" || echo "no Python $python"; \
       done

CMD ["nox", "-s", "matrix"]
