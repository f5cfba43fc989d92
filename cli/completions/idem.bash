# Completion of `idem` for bash.

_idem_options() {
    case $1 in
        append) echo "--atomic --expect --expect-stream --unless --after" ;;
        import) echo "--batch --receipts" ;;
        export) echo "--stream --type --tag --correlation --since --until --from --to --limit --reverse --raw --with-data" ;;
        log) echo "--stream --type --tag --correlation --since --until --from --to --limit --reverse --order --follow --raw" ;;
        show) echo "--source --as-version" ;;
        why) echo "--source --event" ;;
        streams) ;;
        types) ;;
        projections) ;;
        state) echo "--at --diff --digest" ;;
        replay) echo "--digest" ;;
        rebuild) echo "--all-stale --dry-run --no-switch --restart --max-rate" ;;
        converge) echo "--seed --schedules --events --order --schedule --save --test --with-data" ;;
        sync) echo "--with --timeout" ;;
        serve-sync) echo "--timeout" ;;
        diff) echo "--limit" ;;
        bisect) echo "--from" ;;
        checkpoint) echo "--at" ;;
        projection) echo "--rows --reason" ;;
        schema) echo "--upcast --dry-run" ;;
        effects) echo "--state --name --limit --reason --result --keep --all --exec --probe --lease --follow" ;;
        sagas) echo "--state --name --limit --reason --step --keep --all" ;;
        consumers) echo "--sources --stream --type --tag --correlation --reserved --from --limit --raw --to --after --state --reason --source --exec --lease --follow" ;;
        ingest) echo "--after" ;;
        once) echo "--owner --operation --key --request --leave-out --result --reject --keep --horizon" ;;
        keys) echo "--state --owner --operation --limit --key --reason --result --result-bytes-max --all" ;;
        accept) echo "--keep-forks" ;;
        classify) ;;
        parked) ;;
        frontier) echo "--wait --timeout" ;;
        verify) ;;
        stats) ;;
        backup) echo "--with-keys" ;;
        subjects) ;;
        erase) echo "--source --subject --readmit --yes" ;;
        restore) ;;
    esac
}

_idem() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local commands="append import export log show why streams types projections state replay rebuild converge diff \
sync serve-sync bisect checkpoint projection schema effects sagas consumers ingest once keys accept \
classify parked frontier verify stats backup subjects erase restore"
    local everywhere="--json --plugin --no-color --help"
    local command="" i
    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} == --plugin ]] && { ((i++)); continue; }
        [[ ${COMP_WORDS[i]} != -* ]] && { command=${COMP_WORDS[i]}; break; }
    done
    COMPREPLY=()
    case $before in
        --expect) COMPREPLY=($(compgen -W "any no_stream stream_exists" -- "$word")); return ;;
        projection) COMPREPLY=($(compgen -W "switch drop check skip" -- "$word")); return ;;
        consumers) COMPREPLY=($(compgen -W "list show create next advance run reset drop" -- "$word")); return ;;
        keys) COMPREPLY=($(compgen -W "list show resume discard complete sweep" -- "$word")); return ;;
        --state) COMPREPLY=($(compgen -W "running abandoned in_doubt dead completed rejected expired due attempted failed done unknown discarded compensated compensating stuck" -- "$word")); return ;;
        schema) COMPREPLY=($(compgen -W "add list check diff" -- "$word")); return ;;
        effects) COMPREPLY=($(compgen -W "list show stats retry discard done compensate sweep dispatch" -- "$word")); return ;;
        sagas) COMPREPLY=($(compgen -W "list show resume skip abort sweep" -- "$word")); return ;;
        --plugin | --event | --upcast) COMPREPLY=($(compgen -f -- "$word")); return ;;
    esac
    if [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "$everywhere $(_idem_options "$command")" -- "$word"))
    elif [[ -z $command ]]; then
        COMPREPLY=($(compgen -W "$commands" -- "$word"))
    else
        COMPREPLY=($(compgen -f -- "$word"))
    fi
}

complete -o filenames -F _idem idem
