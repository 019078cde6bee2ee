# Two images, both for CPUs:
#
#     docker build --target student -t storyteller .          # the lessons in JupyterLab
#     docker run --rm -p 8888:8888 -v "$PWD/my-lessons:/home/student/my-lessons" storyteller
#
#     docker build --target grader -t storyteller-grader .    # storyteller-grade, with its sandbox
#     docker run --rm -v "$PWD/moe-2026:/course" --security-opt seccomp=unconfined storyteller-grader autograde 01
#
# PyTorch's default build brings several GB of CUDA; --build-arg PYTORCH_CPU_INDEX=URL takes its CPU build, with the
# address that pytorch.org names ("Get started", CPU).
ARG PYTHON=3.12
FROM python:${PYTHON}-slim AS course
ARG PYTORCH_CPU_INDEX=""
ENV OMP_WAIT_POLICY=PASSIVE PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /storyteller
COPY . .
RUN pip install ${PYTORCH_CPU_INDEX:+--extra-index-url "$PYTORCH_CPU_INDEX"} -c constraints.txt -e ".[lessons]" \
    && python -m storyteller_course.kernel

FROM course AS grader
RUN apt-get update && apt-get install -y --no-install-recommends bubblewrap && rm -rf /var/lib/apt/lists/* \
    && pip install -c constraints.txt -e ".[grading]"
WORKDIR /course
ENTRYPOINT ["storyteller-grade"]

FROM course AS student
RUN useradd --create-home student && mkdir /home/student/my-lessons && chown student: /home/student/my-lessons
USER student
WORKDIR /home/student
EXPOSE 8888
CMD ["storyteller", "lab", "--no-browser", "--", "--ServerApp.ip=0.0.0.0"]
